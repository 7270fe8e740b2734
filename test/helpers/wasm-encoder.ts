/**
 * Writes WebAssembly modules byte by byte (WebAssembly Core Specification, chapter 5), for tests that need
 * what no compiler would make.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unsigned } from '../../src/wasm/leb128.ts';
import { KIND } from '../../src/wasm/wasm-module.ts';

/** Value types of the binary format. */
export const TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, funcref: 0x70, externref: 0x6f } as const;
export type ValueType = keyof typeof TYPE;

/** The opcodes that the tests use. */
export const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  throw: 0x08,
  end: 0x0b,
  branch: 0x0c,
  branchIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  load32: 0x28,
  store32: 0x36,
  store64: 0x37,
  store8: 0x3a,
  memoryGrow: 0x40,
  const32: 0x41,
  const64: 0x42,
  equal: 0x46,
  notEqual: 0x47,
  greaterUnsigned: 0x4b,
  add: 0x6a,
  subtract: 0x6b,
  multiply: 0x6c,
  refNull: 0xd0,
  refFunc: 0xd2,
} as const;
/** The block type "no parameters, no results". */
export const EMPTY_BLOCK = 0x40;

/** Signed LEB128. */
export const signed = (value: bigint): number[] => {
  const bytes: number[] = [];
  let left = value;
  for (;;) {
    const low = Number(BigInt.asUintN(7, left));
    left >>= 7n;
    const isLast = (left === 0n && low < 64) || (left === -1n && low >= 64);
    bytes.push(isLast ? low : low | 128);
    if (isLast) return bytes;
  }
};

/** A sequence of instructions, each a byte or several. */
export const code = (...instructions: readonly (number | readonly number[])[]): number[] =>
  instructions.flat();

/** `i32.const`, of a signed or unsigned number. */
export const i32 = (value: number): number[] => [OP.const32, ...signed(BigInt(value | 0))];
/** `i64.const` */
export const i64 = (value: bigint): number[] => [OP.const64, ...signed(BigInt.asIntN(64, value))];
/** `i32.store` with no offset; address and value are on the stack. */
export const STORE32 = [OP.store32, 2, 0];
export const LOAD32 = [OP.load32, 2, 0];
/** `unreachable` if the i32 on the stack is not 0. */
export const TRAP_UNLESS_ZERO = [OP.if, EMPTY_BLOCK, OP.unreachable, OP.end];
export const call = (index: number): number[] => [OP.call, ...unsigned(index)];

export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface ModuleParts {
  /** Functions of `wasi_snapshot_preview1`; they get the indices from 0 on. */
  readonly imports?: readonly ({ readonly name: string; readonly module?: string } & Signature)[];
  /** Functions that follow the imported ones. `body` is without the final `end`; locals are all i32. */
  readonly functions?: readonly (Partial<Signature> & {
    readonly locals?: number;
    readonly body: readonly number[];
  })[];
  /** Size of the memory in pages of 64 KiB, and its limit; exported as `memory`. */
  readonly memory?: { readonly pages: number; readonly most?: number; readonly shared?: boolean };
  /** Exported functions by name; `_start` is the first of `functions` unless named here. */
  readonly exports?: Readonly<Record<string, readonly [kind: keyof typeof KIND, index: number]>>;
  readonly start?: number;
  readonly data?: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Exception tags; each has no values. */
  readonly tags?: number;
}

const vector = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const text = (value: string): number[] => {
  const bytes = Buffer.from(value);
  return [...unsigned(bytes.length), ...bytes];
};
const sized = (bytes: readonly number[]): number[] => unsigned(bytes.length).concat(bytes);
const section = (id: number, items: readonly (readonly number[])[]): number[] =>
  items.length === 0 ? [] : [id, ...sized(vector(items))];
const signature = ({ parameters = [], results = [] }: Partial<Signature>): number[] => [
  0x60,
  ...vector(parameters.map((type) => [TYPE[type]])),
  ...vector(results.map((type) => [TYPE[type]])),
];

/** `\0asm`, version 1 */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** The module as bytes. */
export const encodeModule = (parts: ModuleParts): Uint8Array => {
  const { imports = [], functions = [], memory = { pages: 1 }, data = [], tags = 0 } = parts;
  const exports = parts.exports ?? { _start: ['function', imports.length], memory: ['memory', 0] };
  const limits =
    memory.most === undefined
      ? [0, ...unsigned(memory.pages)]
      : [memory.shared === true ? 3 : 1, ...unsigned(memory.pages), ...unsigned(memory.most)];
  const tagType = imports.length + functions.length;
  return Uint8Array.from([
    ...HEADER,
    ...section(1, [...[...imports, ...functions].map(signature), ...(tags > 0 ? [signature({})] : [])]),
    ...section(
      2,
      imports.map(({ module = 'wasi_snapshot_preview1', name }, index) => [
        ...text(module),
        ...text(name),
        KIND.function,
        ...unsigned(index),
      ]),
    ),
    ...section(
      3,
      functions.map((_, index) => unsigned(imports.length + index)),
    ),
    ...section(5, [limits]),
    ...section(
      13,
      Array.from({ length: tags }, () => [0, ...unsigned(tagType)]),
    ),
    ...section(
      7,
      Object.entries(exports).map(([name, [kind, index]]) => [...text(name), KIND[kind], ...unsigned(index)]),
    ),
    ...(parts.start === undefined ? [] : [8, ...sized(unsigned(parts.start))]),
    ...section(
      10,
      functions.map(({ locals = 0, body }) =>
        sized([...(locals === 0 ? [0] : [1, ...unsigned(locals), TYPE.i32]), ...body, OP.end]),
      ),
    ),
    ...section(
      11,
      data.map(({ at, bytes }) => [0, ...i32(at), OP.end, ...unsigned(bytes.length), ...bytes]),
    ),
  ]);
};

/** Puts modules into files that are gone at the end of the scope. */
export class ModuleFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'wasmrun-modules-'));
  #count = 0;

  /** Absolute path of the module's file. */
  write(module: ModuleParts | Uint8Array): string {
    const path = join(this.path, `module${(this.#count += 1)}.wasm`);
    writeFileSync(path, module instanceof Uint8Array ? module : encodeModule(module));
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}
