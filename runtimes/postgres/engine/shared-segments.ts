/**
 * PostgreSQL's dynamic shared memory of type `mmap` (src/backend/storage/ipc/dsm_impl.c): files `pg_dynshmem/mmap.NUMBER`
 * that are mapped by whoever attaches to them. They are never on a disk.
 */
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import type { FileStat } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { SharedPages } from './shared-pages.ts';

const NAME = /^pg_dynshmem\/mmap\.\d+$/;

/** Is it the path of a segment, as PostgreSQL names it from its data directory on? */
export const isSegmentPath = (path: string): boolean => NAME.test(path);

export class SharedSegments implements Disposable {
  readonly #segments = new Map<string, SharedPages>();
  #first: SharedPages | undefined;

  /** The one made first: dsm.c keeps there which others there are. */
  get control(): SharedPages {
    if (this.#first === undefined) throw new Error('PostgreSQL has made no control segment');
    return this.#first;
  }

  /** open(2), or a negated WASI errno. */
  open(path: string, isNew: boolean): Descriptor | number {
    const known = this.#segments.get(path);
    if (isNew) {
      if (known !== undefined) return -WASI.EEXIST;
      const made = new SharedPages();
      this.#first ??= made;
      this.#segments.set(path, made);
      return new SegmentFile(made);
    }
    return known === undefined ? -WASI.ENOENT : new SegmentFile(known);
  }

  /** unlink(2); what is mapped stays so. */
  unlink(path: string): number {
    const known = this.#segments.get(path);
    if (known === undefined) return -WASI.ENOENT;
    this.#segments.delete(path);
    known[Symbol.dispose]();
    return 0;
  }

  /** Nobody has any of them any more. */
  [Symbol.dispose](): void {
    for (const pages of this.#segments.values()) pages[Symbol.dispose]();
    this.#segments.clear();
  }
}

export class SegmentFile extends Descriptor {
  override readonly filetype = FILETYPE.regularFile;
  readonly pages: SharedPages;
  #position = 0;

  constructor(pages: SharedPages) {
    super();
    this.pages = pages;
  }

  override write(memory: GuestMemory): number {
    const written = this.#write(memory, BigInt(this.#position));
    this.#position += Math.max(0, written);
    return written;
  }

  override pwrite(memory: GuestMemory, offset: bigint): number {
    return this.#write(memory, offset);
  }

  override setSize(size: bigint): number {
    this.pages.resize(Number(size));
    return 0;
  }

  override stat(): FileStat {
    const stat = super.stat() as FileStat;
    return { ...stat, size: BigInt(this.pages.size) };
  }

  #write(memory: GuestMemory, offset: bigint): number {
    let done = 0;
    for (let index = 0; index < memory.iovCount; index += 1) {
      const length = memory.iovLengths[index]!;
      const address = memory.address(memory.iovPointers[index]!, length);
      const written = this.pages.write(address, length, offset + BigInt(done));
      if (written < 0) return -WASI.EIO;
      done += written;
    }
    return done;
  }
}
