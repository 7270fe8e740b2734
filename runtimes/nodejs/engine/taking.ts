/**
 * Functions on Node's own bindings: those end the process where an argument is not of the type that Node's library
 * gives them (CHECK in node's util.h), and a guest may give anything.
 */
import type { HostFunction } from './bridge.ts';

const IS = {
  text: (value: unknown) => typeof value === 'string',
  'text?': (value: unknown) => value === undefined || typeof value === 'string',
  number: (value: unknown) => typeof value === 'number',
  /** One of 32 bits. */
  integer: (value: unknown) => typeof value === 'number' && Object.is(value, value | 0),
  boolean: (value: unknown) => typeof value === 'boolean',
  'boolean?': (value: unknown) => value === undefined || typeof value === 'boolean',
  bytes: (value: unknown) => value instanceof Uint8Array,
} as const;

/** The same function, which throws a TypeError where its arguments are not of these kinds. */
export const taking = (kinds: readonly (keyof typeof IS)[], action: HostFunction): HostFunction => {
  const call = action as (...values: unknown[]) => ReturnType<HostFunction>;
  return (...values: unknown[]) => {
    for (const [index, kind] of kinds.entries()) {
      if (!IS[kind](values[index])) throw new TypeError(`argument ${index + 1} has to be: ${kind}`);
    }
    return call(...values.slice(0, kinds.length));
  };
};
