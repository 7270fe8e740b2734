/**
 * Memory that several WebAssembly memories have in common: pages of one file in memory (memfd_create(2)) are mapped over
 * pages of theirs (mmap(2)). V8 reserves the addresses of a memory for good and checks every access of the guest against
 * its size, so what lies behind them is no matter to it. Whoever is mapped there sees what the others write.
 */
import { check, libc } from '../../../src/os/libc.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';

type Map = (
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: bigint,
) => number | bigint;
const mmap: Map = libc.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
const memfdCreate: (name: string, flags: number) => number = libc.func('int memfd_create(str, uint)');
const ftruncate: (fd: number, size: bigint) => number = libc.func('int ftruncate(int, int64_t)');
const pwrite: (fd: number, address: number, length: number, offset: bigint) => number = libc.func(
  'pwrite',
  'int64_t',
  ['int', 'uintptr_t', 'size_t', 'int64_t'],
);
const pread: typeof pwrite = libc.func('pread', 'int64_t', ['int', 'uintptr_t', 'size_t', 'int64_t']);
const madvise: (address: number, length: number, advice: number) => number = libc.func('madvise', 'int', [
  'uintptr_t',
  'size_t',
  'int',
]);
const close: (fd: number) => number = libc.func('int close(int)');

/** sys/mman.h */
const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MADV_DONTNEED = 4;
const MFD_CLOEXEC = 1;
/** Largest page of the architectures there are engines for, in bytes; WebAssembly's are as large. */
export const PAGE = 65_536;

export const wholePages = (length: number): number => Math.ceil(length / PAGE) * PAGE;

/** Of a guest's memory, in bytes, from where a page begins. */
export interface Range {
  readonly address: number;
  readonly length: number;
}

export class SharedPages implements Disposable {
  readonly #fd: number;
  #size = 0;

  /** Throws {@link SystemCallError} */
  constructor() {
    this.#fd = check('memfd_create', memfdCreate('shared', MFD_CLOEXEC));
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Throws {@link SystemCallError} where there is no memory for it. */
  resize(size: number): void {
    check('ftruncate', ftruncate(this.#fd, BigInt(wholePages(size))));
    this.#size = size;
  }

  /** Copies in what a guest has at `address`, from which on there must be whole pages of its own, and here as well. */
  copyFrom(memory: GuestMemory, address: number, length: number, offset = 0): void {
    const host = memory.address(address, wholePages(length));
    for (let done = 0; done < length;) {
      done += check('pwrite', pwrite(this.#fd, host + done, length - done, BigInt(offset + done)));
    }
  }

  /** What was written is there for all whom they are mapped for. Returns its length, or -1. */
  write(address: number, length: number, offset: bigint): number {
    const written = pwrite(this.#fd, address, length, offset);
    this.#size = Math.max(this.#size, Number(offset) + written);
    return written;
  }

  read(address: number, length: number, offset: bigint): number {
    return pread(this.#fd, address, length, offset);
  }

  /** From now on the guest has these pages at `address`, a multiple of 64 KiB, in place of its own. */
  mapInto(memory: GuestMemory, address: number): void {
    map(memory, { address, length: this.#size }, MAP_SHARED, this.#fd);
  }

  /** From now on the guest has copies of these pages, made as it writes to them, at the place that they have in here. */
  mapCopyInto(memory: GuestMemory, address: number, length: number): void {
    map(memory, { address, length }, MAP_PRIVATE, this.#fd, address);
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/** From now on the guest has pages of its own again, all zero. */
export const unmapFrom = (memory: GuestMemory, address: number, length: number): void =>
  map(memory, { address, length }, MAP_PRIVATE | MAP_ANONYMOUS, -1);

/** Whatever a guest has written there is forgotten: it has zeroes again, or what copies are of. What is shared stays. */
export const discard = (memory: GuestMemory, address: number, length: number): void => {
  check('madvise', madvise(memory.address(address, length), length, MADV_DONTNEED));
};

/** Fills with zeroes, from where a page begins: whole pages are new ones, which cost nothing until they are touched. */
export const clear = (memory: GuestMemory, address: number, length: number): void => {
  const whole = length - (length % PAGE);
  if (whole > 0) unmapFrom(memory, address, whole);
  memory.slice(address + whole, length - whole).fill(0);
};

const map = (
  memory: GuestMemory,
  { address, length }: Range,
  flags: number,
  fd: number,
  offset = 0,
): void => {
  const size = wholePages(length);
  if (address % PAGE !== 0) throw new RangeError(`${address} is not where a page begins`);
  const host = memory.address(address, size);
  check('mmap', Number(mmap(host, size, PROT_READ_WRITE, flags | MAP_FIXED, fd, BigInt(offset))));
};
