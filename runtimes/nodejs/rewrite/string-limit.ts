/**
 * Makes the longest string of QuickJS that of V8 on a platform of 32 bits, which WebAssembly is. QuickJS would allow four
 * times as much, more than a guest has memory for; what `buffer.constants.MAX_STRING_LENGTH` says can be had now, and
 * one more is the RangeError that programs know. `concat` alone has no limit in QuickJS but the memory.
 */
import { SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';
import { MAX_STRING_LENGTH } from '../guest/string-length.ts';

/** quickjs.c, JS_STRING_LEN_MAX */
const FORMER_LIMIT = 2 ** 30 - 1;
/** Where 'invalid string length' and 'string too long' lie in memory; they are said right after a comparison. */
const MESSAGES = [1_060_778, 1_061_059];
/** So many bytes lie between the comparison and the message at most. */
const DISTANCE = 24;
/** So many there are: texts from C, what is joined, added, put together, filled up and repeated. */
const PLACES = 7;

/** Instructions. */
const OP = {
  constant: 0x41,
  constant64: 0x42,
  greaterEqualSigned: 0x4e,
  greaterEqual: 0x4f,
  lessEqual64: 0x58,
} as const;

/** A positive number with its sign as it is written in so many bytes, which it needs. */
const inBytes = (size: number, value: number): number[] =>
  Array.from({ length: size }, (_, index) => ((value >> (7 * index)) & 0x7f) | (index < size - 1 ? 0x80 : 0));

/** What is compared with, and how, before and after. */
const COMPARISONS = [
  { opcode: OP.constant, limit: FORMER_LIMIT + 1, newLimit: MAX_STRING_LENGTH + 1, test: OP.greaterEqual },
  {
    opcode: OP.constant,
    limit: FORMER_LIMIT + 1,
    newLimit: MAX_STRING_LENGTH + 1,
    test: OP.greaterEqualSigned,
  },
  { opcode: OP.constant64, limit: FORMER_LIMIT, newLimit: MAX_STRING_LENGTH, test: OP.lessEqual64 },
].map(({ opcode, limit, newLimit, test }) => ({
  former: Uint8Array.from([opcode, ...inBytes(5, limit), test]),
  changed: Uint8Array.from([opcode, ...inBytes(5, newLimit), test]),
}));

/**
 * @param quickjs - the module of quickjs-wasi that runtimes/nodejs/rewrite/promise-calls.ts knows
 * @throws RangeError where it compares in other places than expected
 */
export const limitStrings = (quickjs: Uint8Array): Uint8Array => {
  const module = new WasmModule(quickjs);
  const { count, items } = module.vector(SECTION.code);
  const code = Buffer.from(items);
  let places = 0;
  for (const message of MESSAGES) {
    const said = Uint8Array.from([OP.constant, ...inBytes(4, message)]);
    for (let at = code.indexOf(said); at >= 0; at = code.indexOf(said, at + 1)) {
      places += changeLimit(code.subarray(at - DISTANCE, at));
    }
  }
  if (places !== PLACES) throw new RangeError(`QuickJS limits strings in ${places} places`);
  module.replace(SECTION.code, { count, items: code });
  return module.bytes();
};

/** Changes what is compared with; says in how many places. */
const changeLimit = (code: Buffer): number => {
  let places = 0;
  for (const { former, changed } of COMPARISONS) {
    const place = code.lastIndexOf(former);
    if (place < 0) continue;
    code.set(changed, place);
    places += 1;
  }
  return places;
};
