/** What system calls of the interpreter have in common, besides what all guests of Emscripten have. */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import type { GuestState } from '../../../../src/engine/emscripten/calls.ts';
import type { Threads } from '../threads.ts';

export interface CallContext extends GuestState {
  readonly threads: Threads;
  /** Descriptors that the guest itself does not want to wait for; for the engine none ever waits. */
  readonly nonBlocking: WeakSet<Descriptor>;
  /** Files of the host that the guest has for itself, by a lock that those who use them look for (record-locks.ts). */
  readonly unshared: WeakSet<Descriptor>;
}

/** May wait: what it returns then is a promise. */
export type WaitingCall = (...values: never[]) => number | Promise<number>;

/**
 * Tries until a descriptor has something to give or take; without waiting where the guest wants that.
 * @param attempt - loads its buffers itself: the memory may have grown meanwhile
 */
export const waiting = (
  { memory, threads, nonBlocking }: CallContext,
  descriptor: Descriptor,
  events: number,
  attempt: () => number,
): number | Promise<number> => {
  const result = attempt();
  if (result !== -WASI.EAGAIN || nonBlocking.has(descriptor)) return result;
  const ends = { deadline: Infinity, late: 0, interrupted: -WASI.EINTR };
  return threads.wait<number>(ends, (resume) => {
    const again = (): void => {
      memory.refresh();
      const later = attempt();
      if (later === -WASI.EAGAIN) giveUp = threads.onReady(descriptor, events, again);
      else resume(later);
    };
    let giveUp = threads.onReady(descriptor, events, again);
    return () => giveUp();
  });
};
