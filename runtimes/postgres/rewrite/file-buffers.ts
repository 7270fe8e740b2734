/**
 * Gives files of the C library (fopen(3)) larger buffers than Emscripten's musl does, which has 1024 bytes: every session reads
 * what is known of the catalogues, 150 KB, from files.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';
import type { WasmModule } from '../../../src/wasm/wasm-module.ts';

/** Number of fdopen(3) (musl's src/stdio/__fdopen.c) in the version that is known. */
const FDOPEN = 13_401;
/** What comes before the buffer: a `FILE`, and what can be pushed back (`UNGET`). In bytes. */
const HEAD_SIZE = 152;
/** `BUFSIZ` of src/stdio/stdio_impl.h. */
const BUFFER_SIZE = 1024;
const NEW_SIZE = 16_384;

/** WebAssembly Core Specification, binary format. */
const OP = { i32Const: 0x41, call: 0x10, store: 0x36 } as const;
/** Of 32 bits; then the offset of `buf_size` in a `FILE`. */
const BUF_SIZE = [2, 48] as const;

const replaced = (body: Buffer, from: readonly number[], to: readonly number[]): Buffer => {
  const at = body.indexOf(Buffer.from(from));
  if (at < 0) throw new Error('the C library makes its files in another way');
  return Buffer.concat([body.subarray(0, at), Buffer.from(to), body.subarray(at + from.length)]);
};

const constant = (value: number): number[] => [OP.i32Const, ...unsigned(value)];
const allocated = (size: number): number[] => [...constant(HEAD_SIZE + size), OP.call];
const stored = (size: number): number[] => [...constant(size), OP.store, ...BUF_SIZE];

const enlarge = (body: Uint8Array): Uint8Array => {
  const enough = replaced(Buffer.from(body), allocated(BUFFER_SIZE), allocated(NEW_SIZE));
  return replaced(enough, stored(BUFFER_SIZE), stored(NEW_SIZE));
};

/** @param imported - how many functions the module imports */
export const enlargeFileBuffers = (module: WasmModule, imported: number): void =>
  module.changeBodies(new Map([[FDOPEN - imported, enlarge]]));
