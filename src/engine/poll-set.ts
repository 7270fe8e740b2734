/** The descriptors of one ppoll(2), the control channel among them: every wait of the guest hears the supervisor. */
import { errno } from '../os/libc.ts';
import type { Control } from './control.ts';
import { EINTR } from './errno.ts';
import { ppoll } from './libc.ts';
import { POLLIN } from './poll-events.ts';

const NANOSECONDS = 1_000_000_000;

export class PollSet {
  readonly #control: Control;
  /** struct pollfd[]: int fd, short events, short revents — read as pairs of 32-bit words. */
  #pollfds = new Int32Array(2 * 64);
  /** struct timespec {time_t tv_sec; long tv_nsec} as 32-bit words; tv_sec stays below 2^31. */
  readonly #timespec = new Int32Array(4);

  constructor(control: Control) {
    this.#control = control;
  }

  /** Makes room for `slots` descriptors; slot 0 is the control channel. */
  reserve(slots: number): void {
    if (2 * slots <= this.#pollfds.length) return;
    const pollfds = new Int32Array(4 * slots);
    pollfds.set(this.#pollfds);
    this.#pollfds = pollfds;
  }

  /** Waits for `events` of a descriptor in a slot from 1 on. */
  set(slot: number, hostFd: number, events: number): void {
    this.#pollfds[2 * slot] = hostFd;
    this.#pollfds[2 * slot + 1] = events;
  }

  /** What was found in a slot. */
  revents(slot: number): number {
    return this.#pollfds[2 * slot + 1]! >> 16;
  }

  /**
   * Waits for the first `slots` slots, at most so long, and obeys the supervisor.
   * @returns how many slots but the first are ready; undefined after a signal; -1 where ppoll(2) failed
   */
  poll(slots: number, nanoseconds: number): number | undefined {
    this.set(0, this.#control.fd, POLLIN);
    const ready = ppoll(this.#pollfds, slots, this.#setTimeout(nanoseconds), null);
    if (ready < 0) return errno() === EINTR ? undefined : -1;
    if (this.revents(0) === 0) return ready;
    this.#control.onReadable();
    return ready - 1;
  }

  /** Fills the timespec; null (wait forever) for an infinite time. */
  #setTimeout(nanoseconds: number): Int32Array | null {
    if (nanoseconds === Infinity) return null;
    const left = Math.max(0, nanoseconds);
    // Longer than 2^31 seconds is as good as forever; the loop asks again anyway.
    const seconds = Math.min(Math.floor(left / NANOSECONDS), 0x7fff_ffff);
    this.#timespec[0] = seconds;
    this.#timespec[2] = left % NANOSECONDS;
    return this.#timespec;
  }
}
