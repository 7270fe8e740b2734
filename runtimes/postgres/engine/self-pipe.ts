/** A pipe (pipe(2)) that a backend writes to in order to wake itself up: what is in it does not matter, only whether. */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';

/** Bytes that a pipe takes (pipe(7)). */
const CAPACITY = 65_536;

interface Contents {
  bytes: number;
}

export class SelfPipe extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
  readonly #contents: Contents;

  private constructor(contents: Contents) {
    super();
    this.#contents = contents;
  }

  static pipe(): [input: SelfPipe, output: SelfPipe] {
    const contents = { bytes: 0 };
    return [new SelfPipe(contents), new SelfPipe(contents)];
  }

  get isReadable(): boolean {
    return this.#contents.bytes > 0;
  }

  override read(memory: GuestMemory): number {
    if (!this.isReadable) return -WASI.EAGAIN;
    const length = Math.min(this.#contents.bytes, memory.iovTotal);
    this.#contents.bytes -= length;
    return length;
  }

  override write(memory: GuestMemory): number {
    if (this.#contents.bytes >= CAPACITY) return -WASI.EAGAIN;
    this.#contents.bytes += memory.iovTotal;
    return memory.iovTotal;
  }
}
