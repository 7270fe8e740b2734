/**
 * `Math.random` of a guest that goes on from a snapshot: QuickJS keeps its state in the memory, so that every app would
 * draw the same numbers.
 */
import { host } from './host.ts';

const SEED_BYTES = 16;
const UPPER_BITS = 5;
const LOWER_BITS = 6;

const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it): good enough for what needs no secret. */
const createGenerator = (seed: Uint32Array): (() => number) => {
  let [a = 0, b = 0, c = 0, d = 1] = seed;
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result >>> 0;
  };
};

export const seedRandomNumbers = (): void => {
  const next = createGenerator(new Uint32Array(host.random(SEED_BYTES).buffer));
  const { random } = {
    // 53 bits, as many as a number has.
    random: () => ((next() >>> UPPER_BITS) * 2 ** 26 + (next() >>> LOWER_BITS)) / 2 ** 53,
  };
  Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true });
};
