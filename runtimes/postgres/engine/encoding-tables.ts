/** What PostgreSQL's encodings and the tables of its conversions say (src/include/mb/pg_wchar.h), read from its memory. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { ENCODING_NAMES, ENCODING_FUNCTIONS } from './static-variables.ts';

/** `pg_enc` */
export const ENCODING = { utf8: 6, mule: 7, gb18030: 39 } as const;
/** How many there are, `_PG_LAST_ENCODING_`. */
const ENCODINGS = 42;
/** `pg_enc2name`, in bytes. */
const NAME_SIZE = 8;
/** `pg_wchar_tbl`, in bytes, and where its functions `mblen` and `mbverifychar` stand. */
const FUNCTIONS_SIZE = 28;
const LENGTH_OFFSET = 8;
const VERIFY_OFFSET = 16;

export const isHigh = (byte: number): boolean => byte >= 0x80;

/** pg_utf_mblen() of src/common/wchar.c: how long a character of UTF-8 is that begins so. */
export const utf8Length = (first: number): number => {
  if ((first & 0xe0) === 0xc0) return 2;
  if ((first & 0xf0) === 0xe0) return 3;
  return (first & 0xf8) === 0xf0 ? 4 : 1;
};

/** The lowest and highest second byte of characters that begin so (pg_utf8_islegal() of src/common/wchar.c). */
const SECOND_BYTES: ReadonlyMap<number, readonly [number, number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);
const ANY_SECOND_BYTE = [0x80, 0xbf] as const;

/** Is it a character of UTF-8? */
export const isLegalUtf8 = (bytes: Uint8Array, at: number, length: number): boolean => {
  const first = bytes[at]!;
  if (length > 4 || (first >= 0x80 && first < 0xc2) || first > 0xf4) return false;
  const [low, high] = SECOND_BYTES.get(first) ?? ANY_SECOND_BYTE;
  for (let index = 1; index < length; index += 1) {
    const byte = bytes[at + index]!;
    if (index === 1 ? byte < low || byte > high : (byte & 0xc0) !== 0x80) return false;
  }
  return true;
};

/** A character of up to four bytes as a number. */
export const codeAt = (bytes: Uint8Array, at: number, length: number): number => {
  let code = 0;
  for (let index = 0; index < length; index += 1) code = code * 256 + bytes[at + index]!;
  return code;
};

/** Looks a number up in a sorted table; the address of its entry, or 0. */
export const findEntry = (
  { address, count, size }: { readonly address: number; readonly count: number; readonly size: number },
  compare: (entry: number) => number,
): number => {
  let [low, high] = [0, count - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compare(address + middle * size);
    if (order === 0) return address + middle * size;
    if (order > 0) low = middle + 1;
    else high = middle - 1;
  }
  return 0;
};

/** Where `pg_mb_radix_tree` has the root for characters of so many bytes; after it their lowest and highest bytes. */
const ROOT_OFFSETS = [0, 8, 16, 24, 36] as const;
const ROOT_SIZE = 4;

/** pg_mb_radix_conv() of src/backend/utils/mb/conv.c: what becomes of a character, or 0. */
export const convertByTree = (
  { bytes, view }: GuestMemory,
  tree: number,
  { at, length }: { readonly at: number; readonly length: number },
): number => {
  const root = tree + ROOT_OFFSETS[length]!;
  const [narrow, wide] = [view.getUint32(tree, true), view.getUint32(tree + 4, true)];
  const limits = root + ROOT_SIZE;
  for (let index = 0; index < length; index += 1) {
    const byte = bytes[at + index]!;
    if (byte < bytes[limits + 2 * index]! || byte > bytes[limits + 2 * index + 1]!) return 0;
  }
  let found = view.getUint32(root, true);
  for (let index = 0; index < length; index += 1) {
    const place = found + bytes[at + index]! - bytes[limits + 2 * index]!;
    found = wide === 0 ? view.getUint16(narrow + 2 * place, true) : view.getUint32(wide + 4 * place, true);
  }
  return found;
};

/** What the module says of encodings by their numbers. */
export class Encodings {
  readonly #memory: GuestMemory;
  readonly #table: WebAssembly.Table;

  constructor(memory: GuestMemory, table: WebAssembly.Table) {
    this.#memory = memory;
    this.#table = table;
  }

  name(encoding: number): string {
    const { view, bytes } = this.#memory;
    const address = view.getUint32(ENCODING_NAMES + encoding * NAME_SIZE, true);
    return Buffer.from(bytes.subarray(address, bytes.indexOf(0, address))).toString('latin1');
  }

  /** pg_encoding_verifymbchar(): the length of the valid character there, or -1. */
  verify(encoding: number, address: number, length: number): number {
    return this.#call(encoding, VERIFY_OFFSET)(address, length);
  }

  /** pg_encoding_mblen_or_incomplete(): the length of the character that begins there, as far as it is there. */
  length(encoding: number, address: number, remaining: number): number {
    const isUnknown =
      remaining < 1 ||
      (encoding === ENCODING.gb18030 && remaining < 2 && isHigh(this.#memory.bytes[address]!));
    return isUnknown ? remaining : Math.min(remaining, this.#call(encoding, LENGTH_OFFSET)(address));
  }

  #call(encoding: number, offset: number): (address: number, length?: number) => number {
    const known = encoding >= 0 && encoding < ENCODINGS ? encoding : 0;
    const place = this.#memory.view.getUint32(ENCODING_FUNCTIONS + known * FUNCTIONS_SIZE + offset, true);
    return this.#table.get(place) as (address: number, length?: number) => number;
  }
}
