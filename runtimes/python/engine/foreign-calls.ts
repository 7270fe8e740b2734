/** What `ctypes` stands on (libffi): calls of the interpreter's own functions by their number. There is no other code. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { writeText } from '../../../src/engine/emscripten/c-strings.ts';
import type { InterpreterExports } from './interpreter-exports.ts';

/** ffi.h of libffi: kinds of types, ffi_status, and offsets in ffi_cif and ffi_type. */
const KIND = {
  void: 0,
  float: 2,
  double: 3,
  uint8: 5,
  sint8: 6,
  uint16: 7,
  sint16: 8,
  uint32: 9,
  sint32: 10,
  uint64: 11,
  sint64: 12,
  pointer: 14,
} as const;
const FFI_BAD_ABI = 2;
const CIF = { count: 4, argumentTypes: 8, resultType: 12 } as const;
const TYPE_KIND = 6;

type Value = number | bigint;
/** A value of a kind of type, at an address. */
type Reader = (view: DataView, address: number) => Value;

const word: Reader = (view, at) => view.getInt32(at, true);
const long: Reader = (view, at) => view.getBigInt64(at, true);

const READERS: ReadonlyMap<number, Reader> = new Map([
  [KIND.float, (view, at) => view.getFloat32(at, true)],
  [KIND.double, (view, at) => view.getFloat64(at, true)],
  [KIND.uint8, (view, at) => view.getUint8(at)],
  [KIND.sint8, (view, at) => view.getInt8(at)],
  [KIND.uint16, (view, at) => view.getUint16(at, true)],
  [KIND.sint16, (view, at) => view.getInt16(at, true)],
  [KIND.uint32, word],
  [KIND.sint32, word],
  [KIND.uint64, long],
  [KIND.sint64, long],
  [KIND.pointer, word],
]);

/** Results of whole numbers fill a word, as `ffi_arg` does. */
const writeResult = (view: DataView, at: number, kind: number, value: Value): void => {
  if (kind === KIND.float) view.setFloat32(at, Number(value), true);
  else if (kind === KIND.double) view.setFloat64(at, Number(value), true);
  else if (kind === KIND.uint64 || kind === KIND.sint64) view.setBigInt64(at, BigInt(value), true);
  else if (kind !== KIND.void) view.setInt32(at, Number(value), true);
};

export const foreignCalls = (
  exports: () => InterpreterExports,
  memory: GuestMemory,
): Record<string, (...values: never[]) => number | undefined> => {
  const kindOf = (type: number): number => memory.view.getUint16(type + TYPE_KIND, true);
  const refuse = (text: string): undefined => {
    const interpreter = exports();
    const address = writeText(interpreter, memory, text);
    const type = memory.view.getUint32(interpreter.PyExc_NotImplementedError.value, true);
    interpreter.PyErr_SetString(type, address);
    interpreter.free(address);
    return undefined;
  };
  return {
    ffi_call_js: (cif: number, function_: number, result: number, values: number) => {
      const { view } = memory;
      const count = view.getUint32(cif + CIF.count, true);
      const types = view.getUint32(cif + CIF.argumentTypes, true);
      const resultKind = kindOf(view.getUint32(cif + CIF.resultType, true));
      const given = Array.from({ length: count }, (_, index) => {
        const read = READERS.get(kindOf(view.getUint32(types + 4 * index, true)));
        return read?.(view, view.getUint32(values + 4 * index, true));
      });
      const call = exports().__indirect_function_table.get(function_) as
        | ((...args: unknown[]) => Value)
        | null;
      const isKnown = resultKind === KIND.void || READERS.has(resultKind);
      if (call === null || !isKnown || given.includes(undefined)) {
        return refuse('structures cannot be passed to functions of C in a sandbox of wasmrun');
      }
      const value = call(...given);
      memory.refresh();
      writeResult(memory.view, result, resultKind, value);
      return undefined;
    },
    // Memory for a function that C could call is asked for when the module is imported; the function cannot be made.
    ffi_closure_alloc_js: (size: number, code: number) => {
      const closure = exports().malloc(size);
      memory.refresh();
      memory.view.setUint32(code, closure, true);
      return closure;
    },
    ffi_closure_free_js: (closure: number) => {
      exports().free(closure);
      return undefined;
    },
    ffi_prep_closure_loc_js: () => FFI_BAD_ABI,
    // No library is found.
    _dlopen_js: () => 0,
  };
};
