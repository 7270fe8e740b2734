/** Waiting for single descriptors, as a blocking call of the guest does. */
import { errno } from '../os/libc.ts';
import type { Control } from './control.ts';
import { EAGAIN, EINTR } from './errno.ts';
import { PollSet } from './poll-set.ts';

export class Poller {
  readonly #set: PollSet;

  constructor(control: Control) {
    this.#set = new PollSet(control);
  }

  /** Blocks until one of the host descriptors is ready for `events` (POLLIN, POLLOUT). */
  wait(hostFds: readonly number[], events: number): void {
    this.#await(hostFds, events, Infinity);
  }

  /**
   * Whether the host call that just failed is worth repeating: after a signal, and, once the descriptors are
   * ready, where there was nothing to do. A non-blocking guest is not kept waiting.
   */
  shouldRetry(hostFds: readonly number[], events: number, nonBlocking: boolean): boolean {
    const code = errno();
    if (code === EINTR) return true;
    if (code !== EAGAIN || nonBlocking) return false;
    this.wait(hostFds, events);
    return true;
  }

  /** Whether one of the host descriptors is ready for `events` now. */
  isReady(hostFds: readonly number[], events: number): boolean {
    return this.#await(hostFds, events, 0);
  }

  /** Waits at most `nanoseconds`; false when they passed and nothing was ready. */
  #await(hostFds: readonly number[], events: number, nanoseconds: number): boolean {
    for (;;) {
      // Orders of the supervisor may change what a listener stands for while it is waited for.
      const count = hostFds.length + 1;
      this.#set.reserve(count);
      for (let index = 1; index < count; index += 1) this.#set.set(index, hostFds[index - 1]!, events);
      const ready = this.#set.poll(count, nanoseconds);
      // A failure: the call that follows tells what is wrong with the descriptor.
      if (ready !== undefined && ready !== 0) return true;
      if (ready === 0 && nanoseconds === 0) return false;
    }
  }
}
