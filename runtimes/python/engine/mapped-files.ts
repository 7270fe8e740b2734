/**
 * Files as memory, without a copy: a page is read when it is first touched, and is a process's own only once it is
 * written to. Clearing and filling the pages of a snapshot would take longer than anything else at a start.
 */
import { fstatSync } from 'node:fs';
import { koffi } from '../../../src/os/koffi.ts';
import { SystemCallError, libc } from '../../../src/os/libc.ts';

const mmap: (
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number = libc.func('intptr_t mmap(intptr_t, size_t, int, int, int, int64_t)');

/** asm-generic/mman-common.h */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_FAILED = -1;

/**
 * Puts a part of a file in the place of what a buffer holds. What is written there afterwards stays with this process.
 * @param target - a part of a WebAssembly memory; it and the position begin at a page of that (64 KiB), which is one of
 *   every processor's, too
 */
export const mapInto = (target: Uint8Array, fd: number, position: number): void => {
  const address = Number(koffi.address(target));
  const mapped = mmap(address, target.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, position);
  if (mapped === MAP_FAILED) throw new SystemCallError('mmap');
};

/** A whole file, to be read only: whoever writes there ends the process. It stays mapped. */
export const viewFile = (fd: number): Uint8Array<ArrayBuffer> => {
  const { size } = fstatSync(fd);
  const address = mmap(0, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address === MAP_FAILED) throw new SystemCallError('mmap');
  return new Uint8Array(koffi.view(address, size));
};
