/**
 * `Intl` for the guest, whose engine has none: objects of V8 and its ICU work here by number. Nothing of it touches
 * the world outside; locales and options arrive as JSON.
 */
import { taking } from './taking.ts';
import { engineBinding } from './engine-binding.ts';
import type { HostFunction } from './bridge.ts';
import { answer } from './native-answers.ts';
import type { NativeObjects } from './native-objects.ts';
import type { Crossing } from './values.ts';

/** Bytes an object of ICU is counted as: about what a formatter with its patterns takes. */
const OBJECT_SIZE = 32_768;

const RANGES = ['format', 'formatToParts', 'formatRange', 'formatRangeToParts'];
const PARTS = ['format', 'formatToParts'];
const LOCALE_LISTS = [
  'getCalendars',
  'getCollations',
  'getHourCycles',
  'getNumberingSystems',
  'getTextInfo',
  'getTimeZones',
  'getWeekInfo',
];
const LOCALE_FIELDS =
  'baseName calendar caseFirst collation firstDayOfWeek hourCycle language numberingSystem numeric region script variants';

/** Characters of a text that is segmented: each may be a segment, which takes 16 bytes here. */
const MAX_SEGMENTED = 2 ** 22;

/** The classes the guest may have objects of, and what it may use of them. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  Collator: ['compare'],
  DateTimeFormat: RANGES,
  DisplayNames: ['of'],
  DurationFormat: PARTS,
  ListFormat: PARTS,
  Locale: ['maximize', 'minimize', 'toString', ...LOCALE_LISTS, ...LOCALE_FIELDS.split(' ')],
  NumberFormat: RANGES,
  PluralRules: ['select', 'selectRange'],
  RelativeTimeFormat: PARTS,
  Segmenter: [],
};

/** Classes whose first value is a list or an object. */
const TAKES_JSON = new Set(['DurationFormat', 'ListFormat']);

type Maker = new (locales: unknown, options: unknown) => object;

const classes = Intl as unknown as Readonly<Record<string, Maker>>;

const parsed = (json: string | undefined): unknown => (json === undefined ? undefined : JSON.parse(json));

const make = (natives: NativeObjects, name: string, locales?: string, options?: string): number => {
  if (!Object.hasOwn(MEMBERS, name)) throw new TypeError(`Intl.${name} is not a constructor`);
  natives.reserve(OBJECT_SIZE);
  return natives.add(`Intl.${name}`, new classes[name]!(parsed(locales), parsed(options)), OBJECT_SIZE);
};

const use = (natives: NativeObjects, number: number, member: string, values: unknown[]): unknown => {
  const { className, object } = natives.get(number);
  const name = className.slice('Intl.'.length);
  const isOpen = member === 'resolvedOptions' || MEMBERS[name]?.includes(member) === true;
  if (!className.startsWith('Intl.') || !isOpen) throw new TypeError('Illegal invocation');
  const given = TAKES_JSON.has(name) && values.length > 0 ? [parsed(values[0] as string)] : values;
  const found = (object as Record<string, unknown>)[member];
  const result: unknown =
    typeof found === 'function' ? (Reflect.apply(found, object, given) as unknown) : found;
  return result instanceof Intl.Locale ? result.toString() : result;
};

const isSegmenter = (object: object | undefined): object is Intl.Segmenter =>
  object instanceof Intl.Segmenter;

/** Of each segment where it begins and whether it is like a word (2: that is not known), in 32 bits each. */
const segment = (natives: NativeObjects, number: number, text: string): Uint8Array => {
  const segmenter = natives.find(number, 'Intl.Segmenter');
  if (!isSegmenter(segmenter)) throw new TypeError('Illegal invocation');
  if (text.length > MAX_SEGMENTED) throw new RangeError('Invalid string length');
  const found: number[] = [];
  for (const { index, isWordLike } of segmenter.segment(text)) {
    found.push(index, isWordLike === undefined ? 2 : Number(isWordLike));
  }
  return new Uint8Array(Uint32Array.from(found).buffer);
};

type Locales = Intl.LocalesArgument;

/** Methods of other objects that depend on a locale. */
const TEXTS: Readonly<Record<string, (value: never, locales: Locales, options: never) => unknown>> = {
  date: (time: number) => new Date(time).toString(),
  dateToLocaleString: (time: number, locales, options) => new Date(time).toLocaleString(locales, options),
  dateToLocaleDateString: (time: number, locales, options) =>
    new Date(time).toLocaleDateString(locales, options),
  dateToLocaleTimeString: (time: number, locales, options) =>
    new Date(time).toLocaleTimeString(locales, options),
  number: (value: number, locales, options) => value.toLocaleString(locales, options),
  bigint: (value: string, locales, options) => BigInt(value).toLocaleString(locales, options),
  upperCase: (text: string, locales) => text.toLocaleUpperCase(locales as string),
  lowerCase: (text: string, locales) => text.toLocaleLowerCase(locales as string),
};

const icu = engineBinding('icu') as {
  icuErrName(error: number): string;
  transcode(bytes: Uint8Array, from: string, to: string): Uint8Array | number;
  getStringWidth(text: string, isAmbiguousWide: boolean, expandsEmoji: boolean): number;
  getConverter(encoding: string, flags: number): object | undefined;
  decode(converter: object, bytes: Uint8Array, flags: number, encoding: string): string;
};

export const intlFunctions = (natives: NativeObjects): Readonly<Record<string, HostFunction>> => ({
  intlMake: (name: string, locales?: string, options?: string) =>
    answer(() => make(natives, name, locales, options)),
  intlCall: (number: number, member: string, ...values: Crossing[]) =>
    answer(() => use(natives, number, member, values)),
  intlSegment: (number: number, text: string) => answer(() => segment(natives, number, text)),
  intlSupported: (name: string, locales?: string, options?: string) =>
    answer(() => {
      if (!Object.hasOwn(MEMBERS, name)) throw new TypeError('Illegal invocation');
      const found = classes[name] as unknown as typeof Intl.NumberFormat;
      return found.supportedLocalesOf(parsed(locales) as string[], parsed(options) as object);
    }),
  intlCanonical: (locales?: string) => answer(() => Intl.getCanonicalLocales(parsed(locales) as string[])),
  intlValues: (key: string) => answer(() => Intl.supportedValuesOf(key as 'currency')),
  intlText: (name: string, value: never, locales?: string, options?: string) =>
    answer(() => {
      if (!Object.hasOwn(TEXTS, name)) throw new TypeError('Illegal invocation');
      return TEXTS[name]!(value, parsed(locales) as Locales, parsed(options) as never);
    }),
  intlCompare: (a: string, b: string, locales?: string, options?: string) =>
    answer(() => a.localeCompare(b, parsed(locales) as string[], parsed(options) as never)),
  /** For the guest's Date as well, which asks this process; a name that is none means UTC, as in Node. */
  setTimeZone: (name: string) => {
    process.env['TZ'] = name;
  },
  icuErrorName: taking(['integer'], (error: number) => icu.icuErrName(error)),
  icuTranscode: taking(['bytes', 'text', 'text'], (bytes: Uint8Array, from: string, to: string) =>
    icu.transcode(Buffer.from(bytes), from, to),
  ),
  icuStringWidth: taking(
    ['text', 'boolean?', 'boolean?'],
    (text: string, isAmbiguousWide: boolean, expandsEmoji: boolean) =>
      icu.getStringWidth(text, isAmbiguousWide, expandsEmoji),
  ),
  icuConverter: taking(['text', 'integer'], (encoding: string, flags: number) => {
    natives.reserve(OBJECT_SIZE);
    const converter = icu.getConverter(encoding, flags);
    return converter === undefined ? 0 : natives.add('Converter', converter, OBJECT_SIZE);
  }),
  icuDecode: taking(
    ['integer', 'bytes', 'integer', 'text'],
    (number: number, bytes: Uint8Array, flags: number, encoding: string) =>
      answer(() => {
        const converter = natives.find(number, 'Converter');
        if (converter === undefined) throw new TypeError('Illegal invocation');
        return icu.decode(converter, bytes, flags, encoding);
      }),
  ),
});
