/**
 * Functions on Node's own bindings: those end the process where an argument is not of the type that Node's library
 * gives them (CHECK in node's util.h), and a guest may give anything.
 */
import type { HostFunction } from './bridge.ts';

const IS = {
  text: (value: unknown) => typeof value === 'string',
  number: (value: unknown) => typeof value === 'number',
  /** One of 32 bits. */
  integer: (value: unknown) => typeof value === 'number' && Object.is(value, value | 0),
  boolean: (value: unknown) => typeof value === 'boolean',
  bytes: (value: unknown) => value instanceof Uint8Array,
} as const;

type Kind = keyof typeof IS;

const testOf = (kind: Kind | `${Kind}?`): ((value: unknown) => boolean) => {
  const test = IS[kind.replace('?', '') as Kind];
  return kind.endsWith('?') ? (value) => value === undefined || test(value) : test;
};

/**
 * The same function, which throws a TypeError where its arguments are not of these kinds. A `?` stands behind one that
 * may be missing.
 */
export const taking = (kinds: readonly (Kind | `${Kind}?`)[], action: HostFunction): HostFunction => {
  const call = action as (...values: unknown[]) => ReturnType<HostFunction>;
  const tests = kinds.map((kind) => testOf(kind));
  return (...values: unknown[]) => {
    for (const [index, kind] of kinds.entries()) {
      if (!tests[index]!(values[index])) throw new TypeError(`argument ${index + 1} has to be: ${kind}`);
    }
    return call(...values.slice(0, kinds.length));
  };
};
