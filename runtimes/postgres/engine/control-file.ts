/** `pg_control` (src/include/catalog/pg_control.h, `ControlFileData`), as this module lays it out. */
import { fillRandom } from '../../../src/engine/random.ts';

/** Path from the data directory on. */
export const CONTROL_FILE_PATH = 'global/pg_control';

/** `mock_authentication_nonce` */
const MOCK_NONCE = { offset: 257, size: 32 } as const;
/** `crc`, of all that comes before it. */
const CHECKSUM_OFFSET = 292;

/** CRC-32C as src/port/pg_crc32c_sb8.c has it: reflected, of this polynomial. */
const POLYNOMIAL = 0x82f6_3b78;

const checksum = (bytes: Uint8Array): number => {
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ POLYNOMIAL;
  }
  return ~value >>> 0;
};

/** What salts of users that are none are made from. */
export const secretOf = (content: Uint8Array): Uint8Array =>
  content.subarray(MOCK_NONCE.offset, MOCK_NONCE.offset + MOCK_NONCE.size);

/**
 * The control file of a data directory that has a secret of its own: those made from one archive would share it.
 * @throws {Error} for what is none
 */
export const withOwnSecret = (content: Uint8Array): Uint8Array => {
  const own = Buffer.from(content);
  const isChecked = own.readUInt32LE(CHECKSUM_OFFSET) === checksum(own.subarray(0, CHECKSUM_OFFSET));
  if (!isChecked) throw new Error('the control file is laid out in another way');
  fillRandom(secretOf(own));
  own.writeUInt32LE(checksum(own.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  return own;
};
