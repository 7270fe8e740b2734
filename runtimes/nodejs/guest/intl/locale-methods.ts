/** Methods of dates, numbers and texts that depend on a locale: QuickJS has them for none. */
import { host } from '../host.ts';
import { valueOf } from '../native-answers.ts';
import { localesText, optionsText, textOf } from './crossing.ts';

const text = (name: string, value: unknown, locales: unknown, options?: unknown): string =>
  valueOf(host.intlText(name, value, localesText(locales), optionsText(options))) as string;

// eslint-disable-next-line typescript/unbound-method -- they are called with their objects
const { getTime, toDateString } = Date.prototype;
// eslint-disable-next-line typescript/unbound-method -- as above
const { valueOf: numberOf } = Number.prototype;
// eslint-disable-next-line typescript/unbound-method -- as above
const { valueOf: bigintOf } = BigInt.prototype;

const stringOf = (value: unknown, method: string): string => {
  if (value === undefined || value === null) {
    throw new TypeError(`String.prototype.${method} called on null or undefined`);
  }
  return textOf(value);
};

const dateMethods = {
  toLocaleString(this: Date, locales?: unknown, options?: unknown) {
    return text('dateToLocaleString', getTime.call(this), locales, options);
  },
  toLocaleDateString(this: Date, locales?: unknown, options?: unknown) {
    return text('dateToLocaleDateString', getTime.call(this), locales, options);
  },
  toLocaleTimeString(this: Date, locales?: unknown, options?: unknown) {
    return text('dateToLocaleTimeString', getTime.call(this), locales, options);
  },
  // V8 names the time zone.
  toString(this: Date) {
    return text('date', getTime.call(this), undefined);
  },
  toTimeString(this: Date) {
    const whole = text('date', getTime.call(this), undefined);
    return Number.isNaN(getTime.call(this)) ? whole : whole.slice(toDateString.call(this).length + 1);
  },
};

const stringMethods = {
  localeCompare(this: unknown, that: unknown, locales?: unknown, options?: unknown) {
    const [a, b] = [stringOf(this, 'localeCompare'), textOf(that)];
    return valueOf(host.intlCompare(a, b, localesText(locales), optionsText(options)));
  },
  toLocaleUpperCase(this: unknown, locales?: unknown) {
    const string = stringOf(this, 'toLocaleUpperCase');
    return locales === undefined ? string.toUpperCase() : text('upperCase', string, locales);
  },
  toLocaleLowerCase(this: unknown, locales?: unknown) {
    const string = stringOf(this, 'toLocaleLowerCase');
    return locales === undefined ? string.toLowerCase() : text('lowerCase', string, locales);
  },
};

const numberMethods = {
  toLocaleString(this: number, locales?: unknown, options?: unknown) {
    return text('number', numberOf.call(this), locales, options);
  },
};

const bigintMethods = {
  toLocaleString(this: bigint, locales?: unknown, options?: unknown) {
    return text('bigint', String(bigintOf.call(this)), locales, options);
  },
};

/** How many parameters ECMA-262 says they have. */
const LENGTHS: Readonly<Record<string, number>> = { localeCompare: 1 };

export const addLocaleMethods = (): void => {
  const all: readonly (readonly [object, object])[] = [
    [Date.prototype, dateMethods],
    [String.prototype, stringMethods],
    [Number.prototype, numberMethods],
    [BigInt.prototype, bigintMethods],
  ];
  for (const [prototype, methods] of all) {
    for (const [name, value] of Object.entries(methods)) {
      Object.defineProperty(value, 'length', { value: LENGTHS[name] ?? 0, configurable: true });
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
    }
  }
};
