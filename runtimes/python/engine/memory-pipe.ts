/**
 * Pipes and pairs of sockets between threads of the guest: the kernel's are refused to a hardened engine, and nobody
 * else is there to have the other end.
 */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { NEVER_READY, POLLHUP, POLLIN, POLLOUT } from '../../../src/engine/poll-events.ts';

/** Bytes on the way, as in a pipe of Linux (pipe(7)). */
const CAPACITY = 65_536;

/** One direction. */
class Flow {
  readonly chunks: Buffer[] = [];
  length = 0;
  isOver = false;
}

export class MemoryPipe extends Descriptor {
  readonly filetype: number;
  readonly #incoming: Flow | undefined;
  readonly #outgoing: Flow | undefined;
  /** Told of every change, once. */
  readonly #waiting = new Set<() => void>();
  /** Its other end. */
  readonly #ends: MemoryPipe[];

  private constructor(
    filetype: number,
    { incoming, outgoing }: { incoming?: Flow; outgoing?: Flow },
    ends: MemoryPipe[],
  ) {
    super();
    this.#ends = ends;
    ends.push(this);
    this.filetype = filetype;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  static pipe(): readonly [read: MemoryPipe, write: MemoryPipe] {
    const flow = new Flow();
    const ends: MemoryPipe[] = [];
    return [
      new MemoryPipe(FILETYPE.unknown, { incoming: flow }, ends),
      new MemoryPipe(FILETYPE.unknown, { outgoing: flow }, ends),
    ];
  }

  /** socketpair(2) */
  static pair(): readonly [MemoryPipe, MemoryPipe] {
    const [one, other] = [new Flow(), new Flow()];
    const ends: MemoryPipe[] = [];
    return [
      new MemoryPipe(FILETYPE.socketStream, { incoming: one, outgoing: other }, ends),
      new MemoryPipe(FILETYPE.socketStream, { incoming: other, outgoing: one }, ends),
    ];
  }

  /** Nothing of the host is to be waited for. */
  pollFds(): readonly number[] {
    return [NEVER_READY];
  }

  /** Which events there are, POLLIN, POLLOUT and POLLHUP. */
  get ready(): number {
    const input = this.#incoming;
    const output = this.#outgoing;
    return (
      (input !== undefined && (input.length > 0 || input.isOver) ? POLLIN : 0) |
      (input?.isOver === true && input.length === 0 ? POLLHUP : 0) |
      (output !== undefined && (output.length < CAPACITY || output.isOver) ? POLLOUT : 0)
    );
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
    const flow = this.#incoming;
    if (flow === undefined) return -WASI.EBADF;
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
    const flow = this.#outgoing;
    if (flow === undefined) return -WASI.EBADF;
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

  /** shutdown(2): 0 for reading, 1 for writing, 2 for both. */
  shutdown(how: number): number {
    if (how !== 1 && this.#incoming !== undefined) this.#incoming.isOver = true;
    if (how !== 0 && this.#outgoing !== undefined) this.#outgoing.isOver = true;
    this.#tell();
    return 0;
  }

  protected override closeHost(): number {
    return this.shutdown(2);
  }

  /** Who waits, at either end, looks again. */
  #tell(): void {
    for (const end of this.#ends) for (const look of end.#waiting.values().toArray()) look();
  }
}
