/**
 * Takes out of QuickJS's interpreter (JS_CallInternal in quickjs.c) what each instruction of a program pays for and
 * nobody has a use for:
 *
 * - quickjs-wasi is compiled with ENABLE_DUMPS, so before each instruction it is asked whether instructions are to be
 *   printed (JS_DUMP_BYTECODE_STEP). No function of the module can switch that on.
 * - It goes on by the address of a label (DIRECT_DISPATCH), which WebAssembly has not: clang looks the address up in a
 *   table and then branches by it in a second one. One that has the branches in the order of the instructions is
 *   enough.
 *
 * A loop of simple instructions takes two thirds of the time then.
 */
import { readSigned, readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import type { Cursor } from '../../../src/wasm/leb128.ts';
import { SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';

/** Instructions. */
const OP = {
  nop: 0x01,
  if: 0x04,
  branchTable: 0x0e,
  drop: 0x1a,
  load: 0x28,
  loadByte: 0x2d,
  constant: 0x41,
  subtract: 0x6b,
  and: 0x71,
  shiftLeft: 0x74,
  end: 0x0b,
} as const;
/** Alignment of a load, as a power of two. */
const ALIGNED_4 = 2;
const ALIGNED_1 = 0;
const EMPTY_BLOCK = 0x40;

/** quickjs.c, JSRuntime: the second byte of `dump_flags`, which has JS_DUMP_BYTECODE_STEP in its highest bit. */
const DUMP_FLAGS = unsigned(0x2f1);
const DUMP_STEP = [0x80, 0x01];
/** `ctx->rt->dump_flags & JS_DUMP_BYTECODE_STEP`; the address of `ctx->rt` is on the stack. */
const IS_DUMPED = Uint8Array.from(
  [
    [OP.load, ALIGNED_4, 0],
    [OP.loadByte, ALIGNED_1, ...DUMP_FLAGS],
    [OP.constant, ...DUMP_STEP],
    [OP.and],
  ].flat(),
);
const IF = [OP.if, EMPTY_BLOCK];
/** The same length, so that nothing moves. */
const NEVER = Uint8Array.from([OP.drop, OP.constant, 0, ...Array<number>(IS_DUMPED.length - 3).fill(OP.nop)]);
/** Once for each way on from an instruction: as many as there are in this version. */
const DUMPS = 220;

/** The beginning of `goto *dispatch_table[opcode]`; the opcode is on the stack. Then comes the table's address. */
const DISPATCH = Uint8Array.from([OP.constant, 2, OP.shiftLeft, OP.load, ALIGNED_4]);
/** An opcode is a byte. */
const OPCODES = 256;

/**
 * @param quickjs - the module of quickjs-wasi, as redirectPromiseCalls leaves it
 * @throws RangeError where its interpreter is not as expected
 */
export const straightenInterpreter = (quickjs: Uint8Array): Uint8Array => {
  const module = new WasmModule(quickjs);
  const { count, items } = module.vector(SECTION.code);
  const code = Buffer.from(items);
  const dumps = removeDumps(code);
  if (dumps !== DUMPS)
    throw new RangeError(`QuickJS asks ${dumps} times whether it is to print instructions`);
  const dispatch = findDispatch(code);
  const addresses = readWords(module, dispatch.table, OPCODES);
  const branches = addresses.map(
    (address) => dispatch.branches[address - dispatch.first] ?? dispatch.otherwise,
  );
  const direct = [OP.branchTable, ...[branches.length, ...branches, dispatch.otherwise].flatMap(unsigned)];
  module.replace(SECTION.code, { count, items: replaceInBody(code, dispatch, direct) });
  return module.bytes();
};

/** Says how many there were. */
const removeDumps = (code: Buffer): number => {
  let found = 0;
  for (let at = code.indexOf(IS_DUMPED); at >= 0; at = code.indexOf(IS_DUMPED, at + 1)) {
    if (!IF.every((byte, index) => code[at + IS_DUMPED.length + index] === byte)) continue;
    code.set(NEVER, at);
    found += 1;
  }
  return found;
};

interface Dispatch {
  readonly start: number;
  readonly end: number;
  /** Where the table of labels' addresses lies in memory. */
  readonly table: number;
  /** The address of the label that the first branch leads to. */
  readonly first: number;
  readonly branches: readonly number[];
  readonly otherwise: number;
}

/** The only place where a number that was looked up in a table is branched by. */
const findDispatch = (code: Buffer): Dispatch => {
  const found: Dispatch[] = [];
  for (let at = code.indexOf(DISPATCH); at >= 0; at = code.indexOf(DISPATCH, at + 1)) {
    const cursor = { at: at + DISPATCH.length };
    const table = readUnsigned(code, cursor);
    if (!skip(code, cursor, OP.constant)) continue;
    const first = readSigned(code, cursor);
    if (!skip(code, cursor, OP.subtract) || !skip(code, cursor, OP.branchTable)) continue;
    const branches = Array.from({ length: readUnsigned(code, cursor) }, () => readUnsigned(code, cursor));
    const otherwise = readUnsigned(code, cursor);
    found.push({ start: at, end: cursor.at, table, first, branches, otherwise });
  }
  if (found.length !== 1) throw new RangeError(`QuickJS has ${found.length} interpreters`);
  return found[0]!;
};

const skip = (code: Uint8Array, cursor: Cursor, byte: number): boolean => {
  if (code[cursor.at] !== byte) return false;
  cursor.at += 1;
  return true;
};

/** Bodies of functions with some bytes of one of them replaced, and its size. */
const replaceInBody = (
  code: Buffer,
  { start, end }: { readonly start: number; readonly end: number },
  replacement: readonly number[],
): Uint8Array => {
  const cursor = { at: 0 };
  for (;;) {
    const before = cursor.at;
    const size = readUnsigned(code, cursor);
    const body = cursor.at;
    cursor.at += size;
    if (cursor.at <= start) continue;
    return Buffer.concat([
      code.subarray(0, before),
      Uint8Array.from(unsigned(size - (end - start) + replacement.length)),
      code.subarray(body, start),
      Uint8Array.from(replacement),
      code.subarray(end),
    ]);
  }
};

/** What lies in memory from the start, as 32-bit words. */
const readWords = (module: WasmModule, address: number, words: number): number[] => {
  const { count, items } = module.vector(SECTION.data);
  const cursor = { at: 0 };
  for (let index = 0; index < count; index += 1) {
    // Active segments of the only memory, at a constant address: the mode that is numbered 0.
    if (!skip(items, cursor, 0) || !skip(items, cursor, OP.constant)) break;
    const start = readSigned(items, cursor);
    if (!skip(items, cursor, OP.end)) break;
    const size = readUnsigned(items, cursor);
    if (start <= address && address + words * 4 <= start + size) {
      const data = Buffer.from(items.subarray(cursor.at + address - start));
      return Array.from({ length: words }, (_, word) => data.readUInt32LE(word * 4));
    }
    cursor.at += size;
  }
  throw new RangeError(`QuickJS has nothing in its memory at ${address}`);
};
