/** Pipes between threads of the guest: nobody else is there to have the other end. */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { NEVER_READY, POLLHUP, POLLIN, POLLOUT } from '../../../src/engine/poll-events.ts';

/** Bytes on the way, as in a pipe of Linux (pipe(7)). */
const CAPACITY = 65_536;

/** What is on the way, and who is at either end. */
class Flow {
  readonly chunks: Buffer[] = [];
  length = 0;
  /** One end is closed. */
  isOver = false;
  readonly ends: MemoryPipe[] = [];
}

export class MemoryPipe extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
  readonly #flow: Flow;
  readonly #isReader: boolean;
  /** Told of every change, once. */
  readonly #waiting = new Set<() => void>();

  private constructor(flow: Flow, isReader: boolean) {
    super();
    this.#flow = flow;
    this.#isReader = isReader;
    flow.ends.push(this);
  }

  static pipe(): readonly [read: MemoryPipe, write: MemoryPipe] {
    const flow = new Flow();
    return [new MemoryPipe(flow, true), new MemoryPipe(flow, false)];
  }

  /** Nothing of the host is to be waited for. */
  override pollFds(): readonly number[] {
    return [NEVER_READY];
  }

  /** Which events there are, POLLIN, POLLOUT and POLLHUP. */
  get ready(): number {
    const { length, isOver } = this.#flow;
    if (!this.#isReader) return length < CAPACITY || isOver ? POLLOUT : 0;
    return (length > 0 || isOver ? POLLIN : 0) | (isOver && length === 0 ? POLLHUP : 0);
  }

  /** Calls back once, as soon as there is one of the events. Returns how to give that up. */
  onReady(events: number, callback: () => void): () => void {
    const look = (): void => {
      if ((this.ready & (events | POLLHUP)) === 0) return;
      this.#waiting.delete(look);
      callback();
    };
    this.#waiting.add(look);
    return () => this.#waiting.delete(look);
  }

  override read(memory: GuestMemory): number {
    const flow = this.#flow;
    if (!this.#isReader) return -WASI.EBADF;
    if (flow.length === 0) return flow.isOver || memory.iovTotal === 0 ? 0 : -WASI.EAGAIN;
    let length = 0;
    for (let index = 0; index < memory.iovCount; index += 1) {
      const target = memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!);
      for (let filled = 0; filled < target.length && flow.chunks.length > 0;) {
        const chunk = flow.chunks[0]!;
        const part = chunk.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        length += part.length;
        if (part.length === chunk.length) flow.chunks.shift();
        else flow.chunks[0] = chunk.subarray(part.length);
      }
    }
    flow.length -= length;
    this.#tell();
    return length;
  }

  override write(memory: GuestMemory): number {
    const flow = this.#flow;
    if (this.#isReader) return -WASI.EBADF;
    if (flow.isOver) return -WASI.EPIPE;
    let length = 0;
    for (let index = 0; index < memory.iovCount && flow.length < CAPACITY; index += 1) {
      const room = CAPACITY - flow.length;
      const size = Math.min(room, memory.iovLengths[index]!);
      flow.chunks.push(Buffer.from(memory.slice(memory.iovPointers[index]!, size)));
      flow.length += size;
      length += size;
    }
    if (length === 0) return memory.iovTotal === 0 ? 0 : -WASI.EAGAIN;
    this.#tell();
    return length;
  }

  protected override closeHost(): number {
    this.#flow.isOver = true;
    this.#tell();
    return 0;
  }

  /** Who waits, at either end, looks again. */
  #tell(): void {
    for (const end of this.#flow.ends) for (const look of end.#waiting.values().toArray()) look();
  }
}
