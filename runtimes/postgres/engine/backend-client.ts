/** Whom a backend serves. Results are numbers of bytes, or negated WASI errnos. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { WASI } from '../../../src/engine/errno.ts';

export interface BackendClient {
  /** Reads into the loaded buffer; 0 at the end, -EAGAIN where there is nothing yet. */
  receive(memory: GuestMemory): number;
  /** Takes the loaded buffer, or a part of it. */
  send(memory: GuestMemory): number;
  /** Calls back when one of the events (POLLIN, POLLOUT) has come, until it is disposed of. */
  watch(events: number, callback: (events: number) => void): Disposable;
}

/** What was a client. */
export const ENDED_CLIENT: BackendClient = {
  receive: () => 0,
  send: ({ iovTotal }) => iovTotal,
  watch: () => ({ [Symbol.dispose]: () => {} }),
};

/** The server itself: it says little, and does not listen to the answers. */
export class InnerClient implements BackendClient {
  #unread: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  /** Has a command of SQL carried out ("Query" of the protocol). */
  query(text: string): void {
    const content = Buffer.from(`${text}\0`);
    const head = Buffer.from('Q\0\0\0\0', 'latin1');
    head.writeInt32BE(4 + content.length, 1);
    this.say(Buffer.concat([head, content]));
  }

  /** Whole messages of the protocol. */
  protected say(messages: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, messages]);
    this.#wake?.();
  }

  receive(memory: GuestMemory): number {
    if (this.#unread.length === 0) return -WASI.EAGAIN;
    return takeInto(memory, this.#unread, (rest) => (this.#unread = rest));
  }

  send({ iovTotal }: GuestMemory): number {
    return iovTotal;
  }

  watch(events: number, callback: (events: number) => void): Disposable {
    this.#wake = () => callback(events);
    return { [Symbol.dispose]: () => (this.#wake = undefined) };
  }
}

/** Copies as much as fits into the loaded buffer; how much that is. */
export const takeInto = (memory: GuestMemory, bytes: Buffer, keep: (rest: Buffer) => void): number => {
  const part = bytes.subarray(0, memory.iovTotal);
  memory.slice(memory.iovPointers[0]!, part.length).set(part);
  keep(bytes.subarray(part.length));
  return part.length;
};
