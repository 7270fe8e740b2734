/** A client's connection: what was read of it before its backend was there is read again. */
import { FDFLAG } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';

const CHUNK_SIZE = 16_384;
/** The engine's own memory, through which it reads and writes. */
const chunk = new GuestMemory();
chunk.attach(new Uint8Array(CHUNK_SIZE));

export class ClientConnection {
  readonly socket: StreamSocket;
  #unread: Buffer = Buffer.alloc(0);

  constructor(socket: StreamSocket) {
    this.socket = socket;
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

  /** Sends a few bytes; of a client that does not take them nothing is expected any more. */
  send(bytes: Uint8Array): void {
    chunk.bytes.set(bytes);
    chunk.useView(chunk.bytes.subarray(0, bytes.length));
    this.socket.send(chunk);
  }

  /** Reads into the loaded buffer; a number of bytes, or a negated WASI errno. */
  receive(memory: GuestMemory): number {
    if (this.#unread.length === 0) return this.socket.receive(memory, 0);
    const part = this.#unread.subarray(0, memory.iovTotal);
    memory.slice(memory.iovPointers[0]!, part.length).set(part);
    this.skip(part.length);
    return part.length;
  }
}
