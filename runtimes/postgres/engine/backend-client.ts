/** Whom a backend serves. Results are numbers of bytes, or negated WASI errnos. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';

export interface BackendClient {
  /** Is it outside of any transaction, and has been answered? */
  readonly isIdle: boolean;
  /** Has it been sent something since it has said something, so that nothing is expected to be there yet? */
  readonly isListening: boolean;
  /** Reads into the loaded buffer; 0 at the end, -EAGAIN where there is nothing yet. */
  receive(memory: GuestMemory): number;
  /** Takes the loaded buffer, or a part of it. */
  send(memory: GuestMemory): number;
  /** Has it gone, though there may be something left to read? */
  isGone(): boolean;
  /** Calls back when one of the events (POLLIN, POLLOUT) has come, until it is disposed of. */
  watch(events: number, callback: (events: number) => void): Disposable;
}

/** What was a client. */
export const ENDED_CLIENT: BackendClient = {
  isIdle: false,
  isListening: false,
  receive: () => 0,
  send: ({ iovTotal }) => iovTotal,
  isGone: () => true,
  watch: () => ({ [Symbol.dispose]: () => {} }),
};

/** Copies as much as fits into the loaded buffer; how much that is. */
export const takeInto = (memory: GuestMemory, bytes: Buffer, keep: (rest: Buffer) => void): number => {
  const part = bytes.subarray(0, memory.iovTotal);
  memory.slice(memory.iovPointers[0]!, part.length).set(part);
  keep(bytes.subarray(part.length));
  return part.length;
};
