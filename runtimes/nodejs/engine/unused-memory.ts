/**
 * Memory that the C library of the engine keeps though nobody uses it: V8's threads compile the guest's hot functions
 * in the first seconds under load, in arenas of their own, and glibc gives pages of those back only when asked.
 */
import { libc } from '../../../src/os/libc.ts';

/** malloc_trim(3) */
const trim: (pad: number) => number = libc.func('int malloc_trim(size_t pad)');

/** When that is asked for, in ms after the start: it takes about 2 ms. */
const TIMES = [1000, 4000, 16_000, 64_000];
/** And from then on so often, in ms, where there is something to do anyway. */
const PERIOD = 60_000;

export class UnusedMemory {
  #count = 0;
  #next: number;

  /** @param start - as `performance.now()` has it */
  constructor(start: number) {
    this.#next = start + TIMES[0]!;
  }

  /** Milliseconds until it should be asked for even if nothing happens; Infinity for never. */
  patience(now: number): number {
    return this.#count < TIMES.length ? Math.max(0, this.#next - now) : Infinity;
  }

  /** Gives back what there is, if it is time. */
  giveBack(now: number): void {
    if (now < this.#next) return;
    this.#count += 1;
    this.#next = now + (this.#count < TIMES.length ? TIMES[this.#count]! - TIMES[this.#count - 1]! : PERIOD);
    trim(0);
  }
}
