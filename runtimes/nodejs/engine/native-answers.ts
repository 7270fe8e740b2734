/**
 * What functions of the engine's own Node return or throw, as values that cross: what is no number, text, boolean or
 * Buffer becomes a list with a tag in front. The guest's half is guest/native-answers.ts.
 */
import type { Crossing } from './values.ts';

/** Gives an object a number that the guest may have; undefined for what is not to cross. */
export type Keep = (object: object) => readonly [className: string, number: number] | undefined;

const NOTHING: Keep = () => undefined;

export const answerOf = (value: unknown, keep: Keep = NOTHING): Crossing => {
  switch (typeof value) {
    case 'object':
      return value === null ? null : answerOfObject(value, keep);
    case 'bigint':
      return ['bigint', String(value)];
    case 'function':
    case 'symbol':
      return undefined;
    default:
      return value as Crossing;
  }
};

const answerOfObject = (value: object, keep: Keep): Crossing => {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return ['arrayBuffer', new Uint8Array(value)];
  if (value instanceof Error) return errorAnswer(value, keep);
  if (value instanceof Date) return ['date', value.getTime()];
  if (Array.isArray(value)) return ['list', ...value.map((each) => answerOf(each, keep))];
  const kept = keep(value);
  if (kept !== undefined) return ['native', ...kept];
  const isPlain = Object.getPrototypeOf(value) !== null;
  return ['object', isPlain, ...entriesOf(value, keep)];
};

/** Names and values, one after the other. */
const entriesOf = (value: object, keep: Keep): Crossing[] =>
  Object.entries(value).flatMap(([name, each]): Crossing[] => [name, answerOf(each, keep)]);

/** OpenSSL begins its messages with the thread (ERR_print_errors_cb(3)), which is an address in the engine. */
export const withoutThread = (message: string): string => message.replace(/^[0-9A-F]+(?=:error:)/, '0');

const errorAnswer = (error: Error, keep: Keep): Crossing => [
  'error',
  error instanceof TypeError ? 'TypeError' : error instanceof RangeError ? 'RangeError' : 'Error',
  withoutThread(error.message),
  ...entriesOf(error, keep),
];

/** The answer of a function, or what it threw. */
export const answer = (action: () => unknown, keep?: Keep): Crossing => {
  try {
    return answerOf(action(), keep);
  } catch (error) {
    return ['thrown', answerOf(error, keep)];
  }
};
