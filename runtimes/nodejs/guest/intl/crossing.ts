/** Locales and options of `Intl` as the engine gets them. */
import { host } from '../host.ts';
import { NativeObject, valueOf } from '../native-answers.ts';

/** Every option there is (ECMA-402); classes look only at their own. */
const OPTIONS =
  'localeMatcher calendar numberingSystem collation caseFirst numeric hour12 hourCycle timeZone weekday era year month day ' +
  'dayPeriod hour minute second fractionalSecondDigits timeZoneName formatMatcher dateStyle timeStyle style currency ' +
  'currencyDisplay currencySign unit unitDisplay notation compactDisplay useGrouping signDisplay minimumIntegerDigits ' +
  'minimumFractionDigits maximumFractionDigits minimumSignificantDigits maximumSignificantDigits roundingIncrement ' +
  'roundingMode roundingPriority trailingZeroDisplay usage sensitivity ignorePunctuation type fallback languageDisplay ' +
  'granularity language script region variants firstDayOfWeek fractionalDigits';
const DURATION_UNITS =
  'years months weeks days hours minutes seconds milliseconds microseconds nanoseconds'.split(' ');
const NAMES = [...OPTIONS.split(' '), ...DURATION_UNITS, ...DURATION_UNITS.map((unit) => `${unit}Display`)];

/** ECMA-262, ToString: of a symbol it throws, which `String` does not. */
export const textOf = (value: unknown): string => ''.concat(value as string);

/** What the engine's own reading of an option comes to in the end, whatever it is. */
const primitive = (value: unknown): unknown => {
  if (typeof value === 'boolean' || value === null || Number.isFinite(value)) return value;
  return textOf(value);
};

export const optionsText = (options: unknown): string | undefined => {
  if (options === undefined) return undefined;
  if (options === null) return 'null';
  const found: Record<string, unknown> = {};
  for (const name of NAMES) {
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined) found[name] = primitive(value);
  }
  return JSON.stringify(found);
};

/** The lengths of time a duration is made of, as JSON. */
export const durationText = (duration: unknown): string => {
  if (typeof duration === 'string') return JSON.stringify(duration);
  const found: Record<string, unknown> = {};
  for (const unit of DURATION_UNITS) {
    const value = (duration as Record<string, unknown>)[unit];
    if (value !== undefined) found[unit] = Number(value);
  }
  return JSON.stringify(found);
};

export const localesText = (locales: unknown): string | undefined => {
  if (locales === undefined) return undefined;
  if (typeof locales === 'string') return JSON.stringify(locales);
  if (typeof locales !== 'object') return '[]';
  if (locales === null) return 'null';
  if (isLocale(locales)) return JSON.stringify(textOf(locales));
  return JSON.stringify(
    Array.from(locales as ArrayLike<unknown>, (each) =>
      typeof each === 'object' && each !== null ? textOf(each) : each,
    ),
  );
};

/** An object of `Intl` that the engine keeps. */
export class IntlObject extends NativeObject {
  readonly className: string;

  constructor(className: string, locales: unknown, options: unknown) {
    super();
    this.className = className;
    const [localesGiven, optionsGiven] = [localesText(locales), optionsText(options)];
    this.obtain(() => valueOf(host.intlMake(className, localesGiven, optionsGiven)) as number);
  }

  use(member: string, ...values: readonly unknown[]): unknown {
    return valueOf(host.intlCall(this.number, member, ...values));
  }
}

/** The engine's objects by those of the guest. */
export const inner = new WeakMap<object, IntlObject>();

/** The engine's half of an object; a TypeError where it is none of the class. */
export const innerOf = (object: unknown, className: string, member: string): IntlObject => {
  const found = typeof object === 'object' && object !== null ? inner.get(object) : undefined;
  if (found?.className === className) return found;
  throw new TypeError(
    `Method Intl.${className}.prototype.${member} called on incompatible receiver ${String(object)}`,
  );
};

const isLocale = (object: object): boolean => inner.get(object)?.className === 'Locale';
