/** A client's connection: what was read of it before its backend was there is read again. */
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { POLLIN, POLLOUT, POLLRDHUP } from '../../../src/engine/poll-events.ts';
import { libc } from '../../../src/os/libc.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { EventPoll } from '../../../src/engine/event-poll.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';
import { takeInto } from './backend-client.ts';
import type { BackendClient } from './backend-client.ts';

const CHUNK_SIZE = 16_384;
/** The engine's own memory, through which it reads and writes. */
const chunk = new GuestMemory();
chunk.attach(new Uint8Array(CHUNK_SIZE));

export class ClientConnection implements BackendClient {
  readonly socket: StreamSocket;
  readonly #events: EventPoll;
  #unread: Buffer = Buffer.alloc(0);
  #isIdle = false;
  #isListening = false;

  constructor(socket: StreamSocket, events: EventPoll) {
    this.socket = socket;
    this.#events = events;
    socket.setFlags(FDFLAG.nonblock);
  }

  /** What has come and was not read yet. */
  get unread(): Buffer {
    return this.#unread;
  }

  /** Takes in what has come. False at its end. */
  fill(): boolean {
    chunk.useView(chunk.bytes);
    const length = this.socket.receive(chunk, 0);
    if (length > 0) this.#unread = Buffer.concat([this.#unread, chunk.bytes.subarray(0, length)]);
    return length > 0 || length === -WASI.EAGAIN;
  }

  /** So many bytes have been dealt with. */
  skip(length: number): void {
    this.#unread = this.#unread.subarray(length);
  }

  /** These are to be read again, before all others. */
  putBack(bytes: Buffer): void {
    this.#unread = Buffer.concat([bytes, this.#unread]);
  }

  /** Sends a few bytes; of a client that does not take them nothing is expected any more. */
  sendBytes(bytes: Uint8Array): void {
    chunk.bytes.set(bytes);
    chunk.useView(chunk.bytes.subarray(0, bytes.length));
    this.socket.send(chunk);
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  get isListening(): boolean {
    return this.#isListening && this.#unread.length === 0;
  }

  receive(memory: GuestMemory): number {
    const length =
      this.#unread.length === 0
        ? this.socket.receive(memory, 0)
        : takeInto(memory, this.#unread, (rest) => (this.#unread = rest));
    if (length > 0) {
      this.#isIdle = false;
      this.#isListening = false;
    }
    return length;
  }

  send(memory: GuestMemory): number {
    const length = this.socket.send(memory);
    if (length > 0) this.#isListening = true;
    if (length > 0 && length === memory.iovTotal) this.#isIdle = endsIdle(memory);
    return length;
  }

  isGone(): boolean {
    return this.socket.pollFds().some(hasHungUp);
  }

  watch(events: number, callback: (events: number) => void): Disposable {
    const { lane } = this.socket;
    if (lane === undefined || (events & POLLOUT) === 0)
      return this.#events.watch(this.socket, events, callback);
    // Where the send thread has no room left, the kernel may have.
    const room = lane.onRoom(() => callback(POLLOUT));
    const input = (events & POLLIN) === 0 ? undefined : this.#events.watch(this.socket, POLLIN, callback);
    return {
      [Symbol.dispose]: () => {
        room[Symbol.dispose]();
        input?.[Symbol.dispose]();
      },
    };
  }
}

const poll: (pollfds: Uint8Array, count: number, ms: number) => number = libc.func(
  'int poll(void *, unsigned long, int)',
);
/** `struct pollfd` (poll(2)): descriptor, what is asked for, what is so. */
const pollfd = new Uint8Array(8);

const hasHungUp = (fd: number): boolean => {
  const view = new DataView(pollfd.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLRDHUP, true);
  return poll(pollfd, 1, 0) > 0;
};

/** ReadyForQuery (PostgreSQL 18 documentation, 54.7) outside of a transaction: the last thing that is sent at a time. */
const READY = Buffer.from('Z\0\0\0\u0005I', 'latin1');

const endsIdle = ({ bytes, iovCount, iovPointers, iovLengths }: GuestMemory): boolean => {
  const [pointer, length] = [iovPointers[iovCount - 1]!, iovLengths[iovCount - 1]!];
  return (
    length >= READY.length && READY.equals(bytes.subarray(pointer + length - READY.length, pointer + length))
  );
};
