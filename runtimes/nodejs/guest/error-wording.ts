/**
 * What QuickJS says of its own errors, as V8 says it: programs and their tests compare messages. Those of V8 that name
 * the expression they are about are left as they are, for QuickJS does not tell it.
 */
import { host } from './host.ts';

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
  ['invalid repeat count', 'Invalid count value'],
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

/** Changes the message of an error that was made just now. */
export const reword = (error: Error): void => {
  const { message } = error;
  if (typeof message !== 'string') return;
  const same = SAME_MEANING.get(message);
  if (same !== undefined) {
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
    parse(text: string, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown {
      try {
        return native(text, reviver);
      } catch (error) {
        if (error instanceof SyntaxError && typeof text !== 'object' && typeof text !== 'function') {
          error.message = host.explainJson(text) ?? error.message;
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
