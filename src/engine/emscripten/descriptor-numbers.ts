/** Numbers of the guest's descriptors: several may stand for the same (dup(2)). */
import { Descriptor, FILETYPE } from '../descriptor.ts';
import type { DirectoryEntry } from '../descriptor.ts';
import { WASI } from '../errno.ts';
import { listDirectory } from '../guest-file-system.ts';
import type { GuestState } from './calls.ts';

/** fcntl.h of musl: the current directory, instead of a descriptor. */
const AT_FDCWD = -100;
const SLASH = 0x2f;

/** What a number stands for that is free again while the descriptor itself lives on under another one. */
class Gone extends Descriptor {
  override readonly filetype = FILETYPE.unknown;
}

export interface NumberedDescriptors extends Pick<GuestState, 'fds'> {
  /** Who waits for descriptors; told of those that are closed. */
  readonly threads: { forget(descriptor: Descriptor): void };
}

export class DescriptorNumbers {
  readonly #context: NumberedDescriptors;
  /** How many numbers stand for it, where that is not one. */
  readonly #shared = new Map<Descriptor, number>();
  /** Where directories were opened, for calls that start there. */
  readonly directoryPaths = new Map<number, string>();
  readonly #entries = new Map<number, DirectoryEntry[]>();

  /** Those that another program would get; no other is ever started here, but who asks is told what was set. */
  readonly inheritable = new Set([0, 1, 2]);

  constructor(context: NumberedDescriptors) {
    this.#context = context;
  }

  /** A path of the guest from a directory's descriptor on. */
  pathFrom(directory: number, path: Buffer): Buffer {
    const base = directory === AT_FDCWD || path[0] === SLASH ? undefined : this.directoryPaths.get(directory);
    return base === undefined ? path : Buffer.concat([Buffer.from(`${base}/`, 'latin1'), path]);
  }

  duplicate(fd: number): number {
    const { fds } = this.#context;
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    const other = fds.add(descriptor);
    if (other < 0) return other;
    this.#shared.set(descriptor, (this.#shared.get(descriptor) ?? 1) + 1);
    const path = this.directoryPaths.get(fd);
    if (path !== undefined) this.directoryPaths.set(other, path);
    return other;
  }

  /** dup2(2) */
  duplicateTo(fd: number, to: number): number {
    const { fds } = this.#context;
    if (fd === to) return fds.get(fd) === undefined ? -WASI.EBADF : to;
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    if (fds.get(to) === undefined) {
      // The table gives the lowest number that is free, which need not be this one.
      const held: number[] = [];
      let other = this.duplicate(fd);
      while (other >= 0 && other < to) {
        held.push(other);
        other = this.duplicate(fd);
      }
      for (const each of held) this.close(each);
      if (other > to) this.close(other);
      return other === to ? to : -WASI.EBADF;
    }
    this.#release(to);
    fds.replace(to, descriptor);
    this.#shared.set(descriptor, (this.#shared.get(descriptor) ?? 1) + 1);
    return to;
  }

  close(fd: number): number {
    const { fds, threads } = this.#context;
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    this.directoryPaths.delete(fd);
    this.#entries.delete(fd);
    this.inheritable.delete(fd);
    if (!this.#isLast(descriptor)) fds.replace(fd, new Gone());
    else threads.forget(descriptor);
    return fds.close(fd);
  }

  /** What is left to be listed of a directory. */
  entries(fd: number): DirectoryEntry[] | number {
    const known = this.#entries.get(fd);
    if (known !== undefined) return known;
    const descriptor = this.#context.fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    const found = listDirectory(descriptor);
    if (typeof found !== 'number') this.#entries.set(fd, found);
    return found;
  }

  rewind(fd: number): void {
    this.#entries.delete(fd);
  }

  #release(fd: number): void {
    const descriptor = this.#context.fds.get(fd);
    this.directoryPaths.delete(fd);
    this.#entries.delete(fd);
    if (descriptor === undefined || !this.#isLast(descriptor)) return;
    this.#context.threads.forget(descriptor);
    descriptor.close();
  }

  /** One number less stands for it; was it the last? */
  #isLast(descriptor: Descriptor): boolean {
    const count = this.#shared.get(descriptor);
    if (count === undefined) return true;
    if (count === 2) this.#shared.delete(descriptor);
    else this.#shared.set(descriptor, count - 1);
    return false;
  }
}
