/**
 * Memory that a session leaves to the next one of the same instance. All of it has to be zero again. The kernel gives pages of
 * zeroes for any that it gets back; but to take a page, to clear it, and to give it out again at the first touch takes several
 * times as long as to write the zeroes. So what sessions mostly have is written, and the rest is given back.
 */
import { libc } from '../../../src/os/libc.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { discard } from './shared-pages.ts';
import type { Range } from './shared-pages.ts';

const mincore: (address: number, length: number, present: Uint8Array) => number = libc.func(
  'mincore',
  'int',
  ['uintptr_t', 'size_t', 'uint8_t *'],
);
const sysconf: (name: number) => number = libc.func('long sysconf(int)');
/** bits/confname.h */
const SC_PAGESIZE = 30;
const PAGE_SIZE = sysconf(SC_PAGESIZE);
/** What is decided about at once, in bytes: the largest page there is. */
const BLOCK = 65_536;
const PAGES = BLOCK / PAGE_SIZE;
/** How far it is looked, in bytes: what is beyond is given back. A session that did one query had 2 MB. */
const KEPT = 4 * 1024 * 1024;

const present = new Uint8Array(KEPT / PAGE_SIZE);

/** Are most pages of a block there? Whatever the kernel says, a block is zero afterwards. */
const isThere = (block: number): boolean => {
  let count = 0;
  for (let page = block * PAGES; page < (block + 1) * PAGES; page += 1) count += present[page]! & 1;
  return 2 * count >= PAGES;
};

/** Makes a guest's own memory zero. */
export const clearPages = (memory: GuestMemory, { address, length }: Range): void => {
  const looked = Math.min(length, KEPT);
  if (mincore(memory.address(address, looked), looked, present) < 0) present.fill(0);
  const blocks = looked / BLOCK;
  for (let first = 0; first < blocks;) {
    const there = isThere(first);
    let next = first + 1;
    while (next < blocks && isThere(next) === there) next += 1;
    const [start, size] = [address + first * BLOCK, (next - first) * BLOCK];
    if (there) memory.slice(start, size).fill(0);
    else discard(memory, start, size);
    first = next;
  }
  discard(memory, address + looked, length - looked);
};
