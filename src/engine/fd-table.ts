/** The guest's file descriptors: small integers, lowest free first, as POSIX promises. */
import type { Descriptor } from './descriptor.ts';
import { WASI } from './errno.ts';

/** Most descriptors a guest may hold; far below the engine's own limit, so that the engine keeps working. */
const MAX_DESCRIPTORS = 65_536;

export class FdTable {
  readonly #entries: (Descriptor | undefined)[] = [];
  /** No descriptor below this number is free. */
  #lowestFree = 0;

  get(fd: number): Descriptor | undefined {
    return this.#entries[fd];
  }

  /** Puts a descriptor at the lowest free number and returns that, or -EMFILE (closing it). */
  add(descriptor: Descriptor): number {
    let fd = this.#lowestFree;
    while (this.#entries[fd] !== undefined) fd += 1;
    if (fd >= MAX_DESCRIPTORS) {
      descriptor.close();
      return -WASI.EMFILE;
    }
    this.#entries[fd] = descriptor;
    this.#lowestFree = fd + 1;
    return fd;
  }

  /** Swaps what a number stands for without closing the old descriptor (a socket that becomes a listener). */
  replace(fd: number, descriptor: Descriptor): void {
    this.#entries[fd] = descriptor;
  }

  close(fd: number): number {
    const descriptor = this.#entries[fd];
    if (descriptor === undefined) return -WASI.EBADF;
    this.#entries[fd] = undefined;
    if (fd < this.#lowestFree) this.#lowestFree = fd;
    return descriptor.close();
  }

  /** The guest has ended, but the engine goes on. */
  closeAll(): void {
    for (const [fd, descriptor] of this.#entries.entries()) if (descriptor !== undefined) this.close(fd);
  }

  /** preview1 `fd_renumber`: like dup2, but `from` is gone afterwards. */
  renumber(from: number, to: number): number {
    const moved = this.#entries[from];
    const replaced = this.#entries[to];
    if (moved === undefined || replaced === undefined) return -WASI.EBADF;
    if (from === to) return 0;
    this.#entries[to] = moved;
    this.#entries[from] = undefined;
    if (from < this.#lowestFree) this.#lowestFree = from;
    replaced.close();
    return 0;
  }
}
