import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { GuestFault, GuestMemory } from '../../../src/engine/guest-memory.ts';

const SIZE = 65_536;
const IOVECS_AT = 8192;

const newMemory = (): GuestMemory => {
  const memory = new GuestMemory();
  memory.attach(new WebAssembly.Memory({ initial: 1 }));
  return memory;
};

interface Buffer32 {
  readonly at: number;
  readonly length: number;
}

const store = (memory: GuestMemory, buffers: readonly Buffer32[]): void => {
  for (const [index, { at, length }] of buffers.entries()) {
    memory.view.setUint32(IOVECS_AT + 8 * index, at, true);
    memory.view.setUint32(IOVECS_AT + 8 * index + 4, length, true);
  }
};

const loaded = (memory: GuestMemory): Buffer32[] =>
  Array.from({ length: memory.iovCount }, (_, index) => ({
    at: memory.iovPointers[index]!,
    length: memory.iovLengths[index]!,
  }));

const inside = fc
  .tuple(fc.nat(SIZE), fc.nat(300))
  .map(([at, length]): Buffer32 => ({ at, length: Math.min(length, SIZE - at) }));
const address = fc.oneof(fc.nat(2 * SIZE), fc.constantFrom(SIZE - 1, SIZE, 2 ** 31, 2 ** 32 - 1));

describe('a range of the guest’s memory', () => {
  test('is given out if all of it lies inside, else it is a fault', () => {
    const memory = newMemory();
    fc.assert(
      fc.property(address, address, (at, length) => {
        if (at + length <= SIZE) {
          expect(memory.slice(at, length)).toHaveLength(length);
          expect(memory.address(at, length)).toBe(memory.base + at);
        } else {
          expect(() => memory.slice(at, length)).toThrow(GuestFault);
          expect(() => memory.address(at, length)).toThrow(GuestFault);
        }
      }),
    );
  });

  test('is the memory itself, a path is a copy', () => {
    const memory = newMemory();
    memory.slice(100, 3).set(Buffer.from('abc'));
    const path = memory.path(100, 3);
    memory.bytes[100] = 0x7a;
    expect([path.toString(), memory.text(100, 3)]).toEqual(['abc', 'zbc']);
  });

  test('that is too long for a path says so', () => {
    const memory = newMemory();
    expect(memory.path(0, 4095)).toHaveLength(4095);
    expect(() => memory.path(0, 4096)).toThrow(expect.objectContaining({ errno: WASI.ENAMETOOLONG }));
    expect(() => memory.path(SIZE - 10, 4096)).toThrow(expect.objectContaining({ errno: WASI.EFAULT }));
  });
});

describe('iovecs', () => {
  test('are loaded in order, without the empty ones', () => {
    const memory = newMemory();
    fc.assert(
      fc.property(fc.array(inside, { maxLength: 40 }), (buffers) => {
        store(memory, buffers);
        memory.readIovecs(IOVECS_AT, buffers.length);
        const full = buffers.filter(({ length }) => length > 0);
        expect(loaded(memory)).toEqual(full);
        expect(memory.iovTotal).toBe(full.reduce((sum, { length }) => sum + length, 0));
        const host = memory.toHostIovecs();
        for (const [index, { at, length }] of full.entries())
          expect([host[2 * index], host[2 * index + 1]]).toEqual([BigInt(memory.base + at), BigInt(length)]);
      }),
    );
  });

  test('lose what was transferred from their front', () => {
    const memory = newMemory();
    fc.assert(
      fc.property(fc.array(inside, { maxLength: 12 }), fc.nat(4000), (buffers, transferred) => {
        store(memory, buffers);
        memory.readIovecs(IOVECS_AT, buffers.length);
        const bytes = buffers.flatMap(({ at, length }) => Array.from({ length }, (_, offset) => at + offset));
        const taken = Math.min(transferred, bytes.length);
        memory.skip(taken);
        const left = loaded(memory).flatMap(({ at, length }) =>
          Array.from({ length }, (_, offset) => at + offset),
        );
        expect(left).toEqual(bytes.slice(taken));
        expect(memory.iovTotal).toBe(bytes.length - taken);
      }),
    );
  });

  test('that lie outside, or point outside, are a fault', () => {
    const memory = newMemory();
    for (const bad of [
      { at: SIZE, length: 1 },
      { at: 2 ** 32 - 1, length: 2 ** 32 - 1 },
      { at: 1, length: SIZE },
    ]) {
      store(memory, [{ at: 0, length: 1 }, bad]);
      expect(() => memory.readIovecs(IOVECS_AT, 2)).toThrow(GuestFault);
    }
    expect(() => memory.readIovecs(SIZE - 4, 1)).toThrow(RangeError);
    expect(() => memory.readIovecs(2 ** 32 - 8, 1)).toThrow(RangeError);
  });

  test('beyond the kernel’s limit are left for the next call', () => {
    const memory = newMemory();
    store(
      memory,
      Array.from({ length: 1100 }, () => ({ at: 7, length: 1 })),
    );
    memory.readIovecs(IOVECS_AT, 1100);
    expect([memory.iovCount, memory.iovTotal]).toEqual([1024, 1024]);
    memory.readIovecs(IOVECS_AT, 2 ** 32 - 1);
    expect(memory.iovCount).toBe(1024);
  });
});
