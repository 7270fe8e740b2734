/** Where the functions of a WebAssembly module call each other. */
import { readUnsigned, skipNumber } from '../../../src/wasm/leb128.ts';
import type { Cursor } from '../../../src/wasm/leb128.ts';

export interface Call {
  /** Index of the function that is called. */
  readonly callee: number;
  /** Where that index is written, and where its bytes end. */
  readonly start: number;
  readonly end: number;
}

const CALL = 0x10;
const BRANCH_TABLE = 0x0e;
const SELECT_TYPED = 0x1c;
const BULK = 0xfc;
const F32 = 0x43;
const F64 = 0x44;

/** How many numbers follow an instruction: the ranges of opcodes that have any. */
const NUMBERS: readonly (readonly [first: number, last: number, count: number])[] = [
  // block, loop, if
  [0x02, 0x04, 1],
  // br, br_if
  [0x0c, 0x0d, 1],
  // call_indirect
  [0x11, 0x11, 2],
  // of locals, globals and tables
  [0x20, 0x26, 1],
  // loads and stores
  [0x28, 0x3e, 2],
  // memory.size, memory.grow
  [0x3f, 0x40, 1],
  // i32.const, i64.const
  [0x41, 0x42, 1],
  // ref.null, ref.func
  [0xd0, 0xd0, 1],
  [0xd2, 0xd2, 1],
];
/** Instructions without any: control and parametric ones, then those of numbers. */
const PLAIN: readonly (readonly [first: number, last: number])[] = [
  [0x00, 0x01],
  [0x05, 0x05],
  [0x0b, 0x0b],
  [0x0f, 0x0f],
  [0x1a, 0x1b],
  [0x45, 0xc4],
  [0xd1, 0xd1],
];
/** Of those with the prefix 0xfc: saturating conversions, then bulk operations of memories and tables. */
const BULK_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1] as const;

const numbersAfter = (opcode: number): number | undefined => {
  const range = NUMBERS.find(([first, last]) => first <= opcode && opcode <= last);
  if (range !== undefined) return range[2];
  return PLAIN.some(([first, last]) => first <= opcode && opcode <= last) ? 0 : undefined;
};

const skipNumbers = (code: Uint8Array, cursor: Cursor, count: number): void => {
  for (let left = count; left > 0; left -= 1) skipNumber(code, cursor);
};

/** Moves over what belongs to an instruction. Throws RangeError for one that is not known here. */
const skipImmediates = (code: Uint8Array, cursor: Cursor, opcode: number): void => {
  let count: number | undefined;
  switch (opcode) {
    case F32:
      cursor.at += 4;
      return;
    case F64:
      cursor.at += 8;
      return;
    case BRANCH_TABLE:
      // The default is not counted.
      count = readUnsigned(code, cursor) + 1;
      break;
    case SELECT_TYPED:
      count = readUnsigned(code, cursor);
      break;
    case BULK:
      count = BULK_NUMBERS[readUnsigned(code, cursor)];
      break;
    default:
      count = numbersAfter(opcode);
  }
  if (count === undefined) throw new RangeError(`unknown instruction 0x${opcode.toString(16)}`);
  skipNumbers(code, cursor, count);
};

/** The calls in one function: `code` from `start`, where its locals are declared, to `end`. */
export const callsIn = (code: Uint8Array, start: number, end: number): Call[] => {
  const calls: Call[] = [];
  const cursor = { at: start };
  for (let groups = readUnsigned(code, cursor); groups > 0; groups -= 1) skipNumbers(code, cursor, 2);
  while (cursor.at < end) {
    const opcode = code[cursor.at]!;
    cursor.at += 1;
    if (opcode === CALL) {
      const at = cursor.at;
      calls.push({ callee: readUnsigned(code, cursor), start: at, end: cursor.at });
    } else {
      skipImmediates(code, cursor, opcode);
    }
  }
  return calls;
};
