/** Randomness from the kernel: getrandom(2), without the 10 ms that loading node:crypto takes. */
import { check, libc } from '../os/libc.ts';

const getrandom: (buffer: Uint8Array, length: number, flags: number) => number = libc.func(
  'int64_t getrandom(void *, size_t, unsigned int)',
);

/** Fills a buffer of any length with random bytes. */
export const fillRandom = (bytes: Uint8Array): void => {
  // Large requests may be answered in parts.
  for (let at = 0; at < bytes.length;) {
    at += check('getrandom', getrandom(bytes.subarray(at), bytes.length - at, 0));
  }
};
