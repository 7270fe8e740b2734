/** The global `Intl` (ECMA-402). What is computed, the engine computes. */
import { host } from '../host.ts';
import { valueOf } from '../native-answers.ts';
import { durationText, inner, innerOf, IntlObject, localesText, optionsText, textOf } from './crossing.ts';
import type { IntlObject as Inner } from './crossing.ts';

type Method = (this: unknown, ...values: never[]) => unknown;
type Values = readonly unknown[];

interface ClassOf {
  /** `Intl.NumberFormat('de')` is as good as with `new`. */
  readonly isCallable?: boolean;
  /** How many parameters the constructor says it has. */
  readonly length?: number;
  /** What the engine is given for the values of a call. */
  readonly values?: (values: Values) => Values;
  readonly methods: readonly string[];
  /** A getter of a function that needs no `this`. */
  readonly bound?: string;
}

const define = (target: object, name: PropertyKey, value: unknown): void => {
  Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true });
};

/** A number as text stays exact; all else becomes one. */
const exact = (value: unknown): unknown => {
  const given =
    typeof value === 'object' && value !== null ? (value as { valueOf(): unknown }).valueOf() : value;
  if (typeof given === 'bigint') return String(given);
  return typeof given === 'string' ? given : Number(given);
};

/** Nothing means now. */
const time = (value: unknown): unknown => (value === undefined ? Date.now() : Number(value));

const stringList = (list: Iterable<unknown> | undefined): string => {
  const strings = list === undefined ? [] : [...list];
  for (const each of strings) {
    if (typeof each !== 'string') {
      throw new TypeError(`Iterable yielded ${String(each)} which is not a string`);
    }
  }
  return JSON.stringify(strings);
};

const RANGE_METHODS = ['formatToParts', 'formatRange', 'formatRangeToParts'];

const CLASSES: Readonly<Record<string, ClassOf>> = {
  Collator: {
    isCallable: true,
    bound: 'compare',
    methods: [],
    values: ([a, b]) => [textOf(a), textOf(b)],
  },
  DateTimeFormat: {
    isCallable: true,
    bound: 'format',
    methods: RANGE_METHODS,
    values: (values) => (values.length === 0 ? [Date.now()] : values.map(time)),
  },
  DisplayNames: { length: 2, methods: ['of'], values: ([code]) => [textOf(code)] },
  DurationFormat: { methods: ['format', 'formatToParts'], values: ([duration]) => [durationText(duration)] },
  ListFormat: {
    methods: ['format', 'formatToParts'],
    values: ([list]) => [stringList(list as Iterable<unknown>)],
  },
  NumberFormat: {
    isCallable: true,
    bound: 'format',
    methods: RANGE_METHODS,
    values: (values) => (values.length === 0 ? [NaN] : values.map(exact)),
  },
  PluralRules: { methods: ['select', 'selectRange'], values: (values) => values.map(Number) },
  RelativeTimeFormat: {
    methods: ['format', 'formatToParts'],
    values: ([value, unit]) => [Number(value), textOf(unit)],
  },
  Segmenter: { methods: [] },
};

/** Classes whose objects can be had from options without `new`. */
const createClass = (name: string, { isCallable = false, length = 0 }: ClassOf): { prototype: object } => {
  const holder = {
    [name]: function (...values: unknown[]): object {
      if (new.target === undefined && !isCallable) {
        throw new TypeError(`Constructor Intl.${name} requires 'new'`);
      }
      const made = Object.create((new.target ?? Class).prototype as object) as object;
      inner.set(made, new IntlObject(name, values[0], values[1]));
      return made;
    },
  };
  const Class = holder[name] as unknown as { prototype: object };
  Object.defineProperty(Class, 'length', { value: length, configurable: true });
  Object.defineProperty(Class, 'prototype', { writable: false });
  define(Class.prototype, 'constructor', Class);
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: `Intl.${name}`, configurable: true });
  define(Class, 'supportedLocalesOf', supportedLocalesOf(name));
  return Class;
};

const supportedLocalesOf = (name: string): Method => {
  const methods = {
    supportedLocalesOf: (locales: unknown, options?: unknown) =>
      valueOf(host.intlSupported(name, localesText(locales), optionsText(options))),
  };
  return methods.supportedLocalesOf;
};

const addMethods = (prototype: object, name: string, { methods, bound, values }: ClassOf): void => {
  const given = values ?? ((all: Values) => all);
  for (const method of [...methods, 'resolvedOptions']) {
    const own = {
      [method](this: unknown, ...all: unknown[]) {
        const object = innerOf(this, name, method);
        return object.use(method, ...(method === 'resolvedOptions' ? [] : given(all)));
      },
    };
    define(prototype, method, own[method]);
  }
  if (bound !== undefined) addBound(prototype, name, bound, given);
};

/** `list.sort(collator.compare)`: always the same function, which needs no object. */
const addBound = (prototype: object, name: string, method: string, given: (all: Values) => Values): void => {
  const functions = new WeakMap<Inner, Method>();
  Object.defineProperty(prototype, method, {
    get(this: unknown) {
      const object = innerOf(this, name, method);
      let found = functions.get(object);
      if (found === undefined) {
        found = (...all: Values) => object.use(method, ...given(all));
        Object.defineProperty(found, 'name', { value: '', configurable: true });
        functions.set(object, found);
      }
      return found;
    },
    configurable: true,
  });
};

interface Segment {
  readonly segment: string;
  readonly index: number;
  readonly input: string;
  readonly isWordLike?: boolean;
}

/** Pieces of a text (%Segments%). */
class Segments {
  readonly #text: string;
  readonly #found: Uint32Array;

  constructor(text: string, found: Uint32Array) {
    this.#text = text;
    this.#found = found;
  }

  #at(number: number): Segment {
    const index = this.#found[number * 2]!;
    const wordLike = this.#found[number * 2 + 1]!;
    const segment = this.#text.slice(index, this.#found[number * 2 + 2] ?? this.#text.length);
    const result = { segment, index, input: this.#text };
    return wordLike === 2 ? result : { ...result, isWordLike: wordLike === 1 };
  }

  containing(position = 0): Segment | undefined {
    const wanted = Math.trunc(position) || 0;
    if (wanted < 0 || wanted >= this.#text.length) return undefined;
    let number = 0;
    while ((number + 1) * 2 < this.#found.length && this.#found[(number + 1) * 2]! <= wanted) number += 1;
    return this.#at(number);
  }

  *[Symbol.iterator](): Generator<Segment> {
    for (let number = 0; number * 2 < this.#found.length; number += 1) yield this.#at(number);
  }
}

const LOCALE_FIELDS =
  'baseName calendar caseFirst collation firstDayOfWeek hourCycle language numberingSystem numeric region script variants';
const LOCALE_LISTS =
  'getCalendars getCollations getHourCycles getNumberingSystems getTextInfo getTimeZones getWeekInfo';

class Locale {
  constructor(tag: unknown, options?: unknown) {
    if (typeof tag !== 'string' && (typeof tag !== 'object' || tag === null)) {
      throw new TypeError("First argument to Intl.Locale constructor can't be empty or missing");
    }
    inner.set(this, new IntlObject('Locale', textOf(tag), options));
  }

  maximize(): Locale {
    return new Locale(innerOf(this, 'Locale', 'maximize').use('maximize'));
  }

  minimize(): Locale {
    return new Locale(innerOf(this, 'Locale', 'minimize').use('minimize'));
  }

  toString(): string {
    return innerOf(this, 'Locale', 'toString').use('toString') as string;
  }
}

const completeLocale = (): void => {
  const { prototype } = Locale;
  for (const name of LOCALE_FIELDS.split(' ')) {
    Object.defineProperty(prototype, name, {
      get(this: unknown) {
        return innerOf(this, 'Locale', name).use(name);
      },
      configurable: true,
    });
  }
  for (const name of LOCALE_LISTS.split(' ')) {
    const own = {
      [name](this: unknown) {
        return innerOf(this, 'Locale', name).use(name);
      },
    };
    define(prototype, name, own[name]);
  }
  Object.defineProperty(Locale, 'length', { value: 1, configurable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: 'Intl.Locale', configurable: true });
};

export const createIntl = (): object => {
  const intl = {};
  const functions = {
    getCanonicalLocales: (locales?: unknown) => valueOf(host.intlCanonical(localesText(locales))),
    supportedValuesOf: (key: unknown) => valueOf(host.intlValues(textOf(key))),
  };
  for (const [name, value] of Object.entries(functions)) define(intl, name, value);
  for (const [name, description] of Object.entries(CLASSES)) {
    const Class = createClass(name, description);
    addMethods(Class.prototype, name, description);
    define(intl, name, Class);
    if (name === 'Segmenter') {
      const own = {
        segment(this: unknown, text: unknown) {
          const { number } = innerOf(this, name, 'segment');
          const string = textOf(text);
          const bytes = valueOf(host.intlSegment(number, string)) as Uint8Array;
          return new Segments(string, new Uint32Array(bytes.slice().buffer));
        },
      };
      define(Class.prototype, 'segment', own.segment);
    }
  }
  completeLocale();
  define(intl, 'Locale', Locale);
  Object.defineProperty(intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  return intl;
};
