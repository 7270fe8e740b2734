/**
 * `internalBinding('string_decoder')`: characters that are cut between two chunks wait for the rest. The state lies in
 * a buffer of the library's own (string_decoder.h).
 */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { ENCODINGS, bytesOf } from './buffer.ts';

const FIELD = { incomplete: 0, missingBytes: 4, bufferedBytes: 5, encoding: 6, count: 7 } as const;

/** How many bytes a character of UTF-8 has, by its first one; 1 for what cannot start one. */
const utf8Size = (byte: number): number =>
  byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;

/** Bytes at the end of a chunk of UTF-8 that may be the start of a character. */
const unfinishedUtf8 = (bytes: Uint8Array): { keep: number; missing: number } => {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const size = utf8Size(byte);
    return size > back && isPossible(bytes, bytes.length - back)
      ? { keep: back, missing: size - back }
      : { keep: 0, missing: 0 };
  }
  return { keep: 0, missing: 0 };
};

/** A second byte decides whether the first can still become a character (Unicode, table 3-7). */
const isPossible = (bytes: Uint8Array, at: number): boolean => {
  if (at + 1 >= bytes.length) return true;
  const [first, second] = [bytes[at]!, bytes[at + 1]!];
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second <= 0x9f;
  if (first === 0xf0) return second >= 0x90;
  if (first === 0xf4) return second <= 0x8f;
  return true;
};

const unfinished = (bytes: Uint8Array, encoding: string): { keep: number; missing: number } => {
  if (encoding === 'utf8') return unfinishedUtf8(bytes);
  if (encoding === 'utf16le') {
    const odd = bytes.length % 2;
    if (odd === 1) return { keep: 1, missing: 1 };
    // The first half of a pair waits for the other.
    const isHigh = bytes.length > 0 && (bytes[bytes.length - 1]! & 0xfc) === 0xd8;
    return isHigh ? { keep: 2, missing: 2 } : { keep: 0, missing: 0 };
  }
  const keep = encoding === 'base64' || encoding === 'base64url' ? bytes.length % 3 : 0;
  return { keep, missing: keep === 0 ? 0 : 3 - keep };
};

const textOf = (bytes: Uint8Array, encoding: string): string =>
  (encoding === 'utf8' ? host.asciiSlice(bytes, 0, bytes.length) : undefined) ??
  host.decodeText(bytes, encoding);

const decode = (state: Uint8Array, chunk: ArrayBufferView | string): string => {
  if (typeof chunk === 'string') return chunk;
  if (!ArrayBuffer.isView(chunk)) {
    throw Object.assign(
      new TypeError('The "buf" argument must be an instance of Buffer, TypedArray, or DataView.'),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  const encoding = ENCODINGS[state[FIELD.encoding]!]!;
  let bytes = bytesOf(chunk);
  const buffered = state[FIELD.bufferedBytes]!;
  if (buffered > 0) {
    const joined = new Uint8Array(buffered + bytes.length);
    joined.set(state.subarray(FIELD.incomplete, buffered));
    joined.set(bytes, buffered);
    bytes = joined;
  }
  const { keep, missing } = unfinished(bytes, encoding);
  for (let index = 0; index < keep; index += 1)
    state[FIELD.incomplete + index] = bytes[bytes.length - keep + index]!;
  state[FIELD.bufferedBytes] = keep;
  state[FIELD.missingBytes] = missing;
  return keep === bytes.length ? '' : textOf(bytes.subarray(0, bytes.length - keep), encoding);
};

const flush = (state: Uint8Array): string => {
  const encoding = ENCODINGS[state[FIELD.encoding]!]!;
  let buffered = state[FIELD.bufferedBytes]!;
  // Half a unit of UTF-16 is no character.
  if (encoding === 'utf16le' && buffered % 2 === 1) buffered -= 1;
  state[FIELD.bufferedBytes] = 0;
  state[FIELD.missingBytes] = 0;
  return buffered === 0 ? '' : textOf(state.subarray(FIELD.incomplete, buffered), encoding);
};

export const createStringDecoder = (): Binding => ({
  encodings: ENCODINGS,
  kIncompleteCharactersStart: FIELD.incomplete,
  kIncompleteCharactersEnd: FIELD.missingBytes,
  kMissingBytes: FIELD.missingBytes,
  kBufferedBytes: FIELD.bufferedBytes,
  kEncodingField: FIELD.encoding,
  kNumFields: FIELD.count,
  kSize: FIELD.count,
  decode,
  flush,
});
