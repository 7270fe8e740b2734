/** What system calls of the guest have in common. Results are ≥ 0 or a negated errno of WASI, as Emscripten has them. */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI, toWasi } from '../../../../src/engine/errno.ts';
import type { FdTable } from '../../../../src/engine/fd-table.ts';
import { GuestFault } from '../../../../src/engine/guest-memory.ts';
import type { GuestMemory } from '../../../../src/engine/guest-memory.ts';
import type { Threads } from '../threads.ts';

export interface CallContext {
  readonly memory: GuestMemory;
  readonly fds: FdTable;
  readonly threads: Threads;
  /** Descriptors that the guest itself does not want to wait for; for the engine none ever waits. */
  readonly nonBlocking: WeakSet<Descriptor>;
  /** Files of the host that the guest has for itself, by a lock that those who use them look for (record-locks.ts). */
  readonly unshared: WeakSet<Descriptor>;
}

export type Call = (...values: never[]) => number | undefined | bigint;
/** May wait: what it returns then is a promise. */
export type WaitingCall = (...values: never[]) => number | Promise<number>;

/** Answers with an errno what the guest has done wrong. */
export const answering =
  <Parameters extends unknown[], Result>(
    memory: GuestMemory,
    call: (...values: Parameters) => Result,
  ): ((...values: Parameters) => Result | number) =>
  (...values) => {
    memory.refresh();
    try {
      return call(...values);
    } catch (error) {
      if (error instanceof GuestFault) return -error.errno;
      if (error instanceof RangeError) return -WASI.EFAULT;
      throw error;
    }
  };

/** The result of {@link GuestFileSystem}, which has Linux's numbers. */
export const fromLinux = <Result>(result: Result | number): Result | number =>
  typeof result === 'number' && result < 0 ? -toWasi(-result) : result;

/** The bytes of a text that ends with a zero. */
export const zeroTerminated = (memory: GuestMemory, address: number): Buffer => {
  const end = memory.bytes.indexOf(0, address);
  if (end < 0) throw new GuestFault();
  return memory.path(address, end - address);
};

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
