import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { libc } from '../../../src/os/libc.ts';
import { UnusedMemory } from './unused-memory.ts';

const malloc: (size: number) => bigint = libc.func('uintptr_t malloc(size_t)');
const free: (address: bigint) => void = libc.func('void free(uintptr_t)');
const memset: (address: bigint, byte: number, size: number) => bigint = libc.func(
  'uintptr_t memset(uintptr_t, int, size_t)',
);

/** Resident memory in bytes (proc(5), VmRSS). */
const resident = (): number =>
  1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);

test('is asked for four times though nothing happens, then only where something does', () => {
  const start = 500;
  const unused = new UnusedMemory(start);
  for (const time of [1000, 4000, 16_000, 64_000]) {
    expect(unused.patience(start + time - 10)).toBe(10);
    unused.giveBack(start + time - 10);
    expect(unused.patience(start + time - 10)).toBe(10);
    expect(unused.patience(start + time + 5)).toBe(0);
    unused.giveBack(start + time);
  }
  expect(unused.patience(start + 64_001)).toBe(Infinity);
  unused.giveBack(start + 500_000);
  expect(unused.patience(start + 1_000_000)).toBe(Infinity);
});

test('gives memory back that lies below some that is in use', () => {
  const count = 4000;
  const size = 16_000;
  const blocks = Array.from({ length: count }, () => malloc(size));
  for (const block of blocks) memset(block, 1, size);
  const last = malloc(size);
  for (const block of blocks) free(block);
  const before = resident();
  new UnusedMemory(0).giveBack(1000);
  // Node's own threads may have freed some of it meanwhile; most of it is still there.
  expect(before - resident()).toBeGreaterThan((count * size) / 2);
  free(last);
});
