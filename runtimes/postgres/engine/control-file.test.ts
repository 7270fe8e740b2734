import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { secretOf, withOwnSecret } from './control-file.ts';

/** Where the sum stands that all before it is checked by. */
const CHECKSUM_OFFSET = 292;

/** A bit at a time, and not reflected until the end: in another way than what it tests. */
const crc32c = (bytes: Uint8Array): number => {
  const reverse = (value: number, bits: number): number => {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit += 1) if ((value & (1 << bit)) !== 0) reversed |= 1 << (bits - 1 - bit);
    return reversed >>> 0;
  };
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= reverse(byte, 8) << 24;
    for (let bit = 0; bit < 8; bit += 1) value = value < 0 ? (value << 1) ^ 0x1edc_6f41 : value << 1;
  }
  return ~reverse(value, 32) >>> 0;
};

test('a control file gets a secret of its own, and is whole', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
  const content = Buffer.alloc(8192);
  content.write('what else there is');
  content.writeUInt32LE(crc32c(content.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  const before = Buffer.from(content);
  const [one, other] = [Buffer.from(withOwnSecret(content)), Buffer.from(withOwnSecret(content))];
  expect(content).toEqual(before);
  expect(secretOf(one)).toHaveLength(32);
  expect(secretOf(one)).not.toEqual(secretOf(other));
  for (const own of [one, other]) {
    expect(own.readUInt32LE(CHECKSUM_OFFSET)).toBe(crc32c(own.subarray(0, CHECKSUM_OFFSET)));
    for (const each of [own, before]) {
      secretOf(each).fill(0);
      each.writeUInt32LE(0, CHECKSUM_OFFSET);
    }
    expect(own).toEqual(before);
  }
});

test('what is no control file is not changed', () => {
  const other = Buffer.alloc(8192, 1);
  other.writeUInt32LE(crc32(other.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  expect(() => withOwnSecret(other)).toThrow('laid out in another way');
});
