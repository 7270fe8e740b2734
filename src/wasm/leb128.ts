/** Numbers as WebAssembly has them: seven bits a byte, the lowest first (LEB128). */

/** Where in some bytes the next thing is read. */
export interface Cursor {
  at: number;
}

/** Throws RangeError where the bytes end before the number does. */
export const readUnsigned = (bytes: Uint8Array, cursor: Cursor): number => {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw new RangeError('a number is cut off');
    cursor.at += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
};

/** A number of 32 bits with its sign. Throws RangeError where the bytes end before the number does. */
export const readSigned = (bytes: Uint8Array, cursor: Cursor): number => {
  const start = cursor.at;
  const value = readUnsigned(bytes, cursor);
  const bits = 7 * (cursor.at - start);
  // The highest bit that is written is the sign.
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
};

/** Moves over a number, signed or not. */
export const skipNumber = (bytes: Uint8Array, cursor: Cursor): void => {
  while (bytes[cursor.at]! >= 0x80) cursor.at += 1;
  cursor.at += 1;
};

export const unsigned = (value: number): number[] => {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left % 128) + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return bytes;
};

/** A number of 32 bits with its sign. */
export const signed = (value: number): number[] => {
  const bytes: number[] = [];
  let left = value;
  // Until the highest of seven bits is the sign of all.
  while (left < -0x40 || left >= 0x40) {
    bytes.push((left & 0x7f) | 0x80);
    left >>= 7;
  }
  return [...bytes, left & 0x7f];
};
