/** Files as a guest's memory, without being read and copied. */
import { check, libc } from './libc.ts';

const mmap: (
  address: Uint8Array,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => number = libc.func('mmap', 'intptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']);

/** mmap(2) and asm-generic/mman-common.h */
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_FIXED = 0x12;

/**
 * Puts a part of a file in the place of what a part of a WebAssembly memory holds: the kernel brings in a page when it
 * is touched, and copies it when it is written to. What is written to either later, the other does not see; only the
 * file must not become shorter.
 * @param target - it and the offset begin at a page of WebAssembly, 64 KiB, which is one of every processor's, too
 */
export const mapFile = (target: Uint8Array, fd: number, offset: number): void => {
  check('mmap', mmap(target, target.length, PROT_READ_WRITE, MAP_PRIVATE_FIXED, fd, offset));
};
