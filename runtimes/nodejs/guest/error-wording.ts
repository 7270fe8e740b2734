/**
 * What QuickJS says of its own errors, as V8 says it: programs and their tests compare messages. Those of V8 that name
 * the expression they are about are left as they are, for QuickJS does not tell it.
 */
import type { CallSite } from './error-stacks.ts';
import { host } from './host.ts';
import { lineOf } from './source-lines.ts';

/** Said where strings are added, by an error of a class of QuickJS's own. */
const STRING_TOO_LONG = 'string too long';

const SAME_MEANING: ReadonlyMap<string, string> = new Map([
  ['BigInt are forbidden in JSON.stringify', 'Do not know how to serialize a BigInt'],
  ['Date value is NaN', 'Invalid time value'],
  ['cannot convert BigInt to number', 'Cannot mix BigInt and other types, use explicit conversions'],
  ['cannot convert symbol to string', 'Cannot convert a Symbol value to a string'],
  ['circular reference', 'Converting circular structure to JSON'],
  ["class constructors must be invoked with 'new'", "Class constructor cannot be invoked without 'new'"],
  ['empty array', 'Reduce of empty array with no initial value'],
  ['expecting hex digit', 'URI malformed'],
  ['invalid array length', 'Invalid array length'],
  ['invalid string length', 'Invalid string length'],
  ['invalid repeat count', 'Invalid count value'],
  [STRING_TOO_LONG, 'Invalid string length'],
  ['malformed UTF-8', 'URI malformed'],
  ['object is not extensible', 'Cannot add property, object is not extensible'],
]);

/** Names stand where `$1` and `$2` do. */
const WITH_NAMES: readonly (readonly [pattern: RegExp, words: string])[] = [
  [/^cannot read property 'Symbol\.(?:async)?[iI]terator' of (null|undefined)$/, '$1 is not iterable'],
  [/^cannot (read) property '(.*)' of (null|undefined)$/s, "Cannot $1 properties of $3 (reading '$2')"],
  [/^cannot (set) property '(.*)' of (null|undefined)$/s, "Cannot $1 properties of $3 (setting '$2')"],
  [/^(\S+) is not initialized$/, "Cannot access '$1' before initialization"],
];

const NOT_A_FUNCTION = 'not a function';
/** A name with what it is of, at the end of a text. */
const EXPRESSION = /(?:[\w$]+\??\.)*[\w$]+$/;

/**
 * What was called, by the line. QuickJS tells where the last name before the call stands: that of what is called, or of
 * its last argument. Calls in arguments of calls are left alone, for it could be either.
 */
const calleeAt = (line: string, column: number): string | undefined => {
  const rest = line.slice(column - 1);
  const name = /^[\w$]+(?=(?:\.[\w$]+)*\()/.exec(rest)?.[0];
  let end = column - 1;
  if (name !== undefined) end += /^[\w$.]+/.exec(rest)![0].length;
  else end = line.lastIndexOf('(', column - 2);
  const before = line.slice(0, Math.max(0, end));
  const expression = EXPRESSION.exec(before);
  if (expression === null || line[end] !== '(') return undefined;
  const context = before.slice(0, expression.index).trimEnd();
  if (/[(,\])}'"`.]$/.test(context) || /[()]/.test(line.slice(end + 1, column - 1))) return undefined;
  const kind = /\bnew$/.test(context) ? 'constructor' : 'function';
  return `${expression[0].replaceAll('?.', '.')} is not a ${kind}`;
};

/** Said of the lengths of arrays of bytes. */
const TOO_MANY_BYTES = 'invalid array buffer length';
const BELOW_ZERO = 'invalid array index';
const TypedArray = Object.getPrototypeOf(Uint8Array) as object;

/** Which length cannot be had, by what was called with it; undefined where that makes no typed array. */
const wrongLength = (site: CallSite | undefined): string | undefined => {
  const callee = site?.getFunction();
  if (typeof callee !== 'function' || Object.getPrototypeOf(callee) !== TypedArray) return undefined;
  return `Invalid typed array length: ${String(host.argumentOf(callee))}`;
};

/**
 * Changes the message of an error that was made just now.
 * @param site - where
 */
export const reword = (error: Error, site: CallSite | undefined): void => {
  const { message } = error;
  if (typeof message !== 'string') return;
  if (message === NOT_A_FUNCTION) {
    const line = site === undefined || site.isNative() ? undefined : lineOf(site);
    error.message = (line === undefined ? undefined : calleeAt(line, site!.getColumnNumber()!)) ?? message;
    return;
  }
  if (message === TOO_MANY_BYTES || message === BELOW_ZERO) {
    error.message =
      wrongLength(site) ?? (message === BELOW_ZERO ? message : 'Array buffer allocation failed');
    return;
  }
  const same = SAME_MEANING.get(message);
  if (same !== undefined) {
    if (message === STRING_TOO_LONG) Object.setPrototypeOf(error, RangeError.prototype);
    error.message = same;
    return;
  }
  // Most messages are the app's own.
  if (!message.startsWith('cannot ') && !message.endsWith(' is not initialized')) return;
  for (const [pattern, words] of WITH_NAMES) {
    if (!pattern.test(message)) continue;
    error.message = message.replace(pattern, words);
    return;
  }
};

/** `JSON.parse` as it is, but that what is wrong is said by the engine's V8. */
export const rewordJson = (): void => {
  const native = JSON.parse;
  const { parse } = {
    parse(text: unknown, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown {
      try {
        return native(text as string, reviver);
      } catch (error) {
        if (error instanceof SyntaxError && (typeof text === 'string' || text === undefined)) {
          error.message = host.explainJson(text ?? 'undefined') ?? error.message;
        }
        throw error;
      }
    },
  };
  Object.defineProperty(JSON, 'parse', {
    value: parse,
    writable: true,
    configurable: true,
    enumerable: false,
  });
};
