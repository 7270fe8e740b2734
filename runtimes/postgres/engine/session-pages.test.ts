import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { clearPages } from './session-pages.ts';

const BLOCK = 65_536;
const BLOCKS = 128;

const ZEROES = Buffer.alloc(BLOCKS * BLOCK);
const isZero = (bytes: Uint8Array): boolean => ZEROES.subarray(0, bytes.length).equals(bytes);

test('whatever was written is zero, and nothing before it is touched', () => {
  const linear = new WebAssembly.Memory({ initial: BLOCKS });
  const memory = new GuestMemory();
  memory.attach(linear);
  // Some of it close together, some of it scattered.
  const place = fc.oneof(fc.nat(BLOCKS * BLOCK - 1), fc.nat(8 * BLOCK));
  const writes = fc.array(fc.record({ place, length: fc.integer({ min: 1, max: BLOCK }) }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(writes, fc.integer({ min: 0, max: BLOCKS - 1 }), (ranges, first) => {
      const address = first * BLOCK;
      for (const { place: start, length } of ranges) memory.bytes.fill(1, start, start + length);
      const before = Buffer.from(memory.bytes.subarray(0, address));
      clearPages(memory, { address, length: memory.bytes.length - address });
      expect(isZero(memory.bytes.subarray(address))).toBe(true);
      expect(before.equals(memory.bytes.subarray(0, address))).toBe(true);
      memory.bytes.fill(0);
    }),
    { numRuns: 30 },
  );
});
