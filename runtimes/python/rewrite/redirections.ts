/**
 * Makes the interpreter of npm's `pyodide` one with threads: see redirected-functions.ts. Its code is read as bytes and
 * changed in places that were looked at in one version; any other is refused.
 */
import { createHash } from 'node:crypto';
import { readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import type { Cursor } from '../../../src/wasm/leb128.ts';
import { KIND, SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';
import { REDIRECTED, REDIRECTED_NAMES } from '../redirected-functions.ts';
import type { RedirectedFunction, Signature } from '../redirected-functions.ts';

/** SHA-256 of `pyodide.asm.wasm` in pyodide 314.0.7 (CPython 3.14.2). */
const KNOWN = 'cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6';

/**
 * `_Py_Dealloc` of Objects/object.c takes the address of its frame to see how deep it is, but has none of any size: it
 * would never be too deep, and V8's stack would end first. It gets a frame: behind `global.get __stack_pointer,
 * local.tee 6`, which the function gives back wherever it returns.
 */
const FRAME_ADDRESS = Buffer.from('2398022206', 'hex');
/** local.get 6, i32.const 64, i32.sub, global.set __stack_pointer */
const TAKE_FRAME = Buffer.from('200641c0006b249802', 'hex');

const FUNCTION_TYPE = 0x60;
const LOCAL_GET = 0x20;
const I32_CONST = 0x41;
const NOP = 0x01;
const CALL_INDIRECT = 0x11;
const END = 0x0b;

/**
 * `join_thread` of Modules/_threadmodule.c, from its load of `handle->has_os_handle` (offset 28) on: a thread is waited
 * for by the event of its exit already, before pthread_join(3) is called, which is nothing but an error here.
 */
const HAS_OS_HANDLE = Buffer.from([LOCAL_GET, 0, 0x28, 2, 28]);
const HAS_NONE = Buffer.from([I32_CONST, 0, NOP, NOP, NOP]);
/** What follows in that function, and nowhere else: i32.const "Failed joining thread", call, …, return -1. */
const FAILED_JOINING = Buffer.from('41b3aa0e10a020417f0f0b', 'hex');
/** The load lies at most so many bytes before. */
const NEARBY = 120;

/**
 * What a function does before it calls the engine, which takes longer. A lock that is free is taken at once: local.get 0,
 * i32.load8_u, i32.eqz, if, local.get 0, i32.const 1, i32.store8, i32.const 1, return, end.
 */
const QUICK_WAYS: Partial<Record<RedirectedFunction, Uint8Array>> = {
  PyThread_acquire_lock_timed: Buffer.from('20002d0000450440200041013a000041010f0b', 'hex'),
};

/** @throws {RangeError} where it is not the version whose functions are known */
export const redirectFunctions = (bytes: Uint8Array): Uint8Array => {
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== KNOWN) {
    throw new RangeError(
      `pyodide.asm.wasm is not that of pyodide 314.0.7, for which this was made: ${digest}`,
    );
  }
  const module = new WasmModule(withoutJoining(bytes));
  const types = functionTypes(module);
  const imported = importedTypes(module);
  const typeOf = [...imported, ...module.declaredTypes()];
  const exported = module.exportedFunctions();
  const firstSlot = tableSize(module);
  const bodies = new Map<number, (body: Uint8Array) => Uint8Array>();
  bodies.set(exported.get('_Py_Dealloc')! - imported.length, withFrame);
  for (const [index, name] of REDIRECTED_NAMES.entries()) {
    const number = exported.get(name);
    if (number === undefined) throw new RangeError(`the interpreter has no function ${name}`);
    const type = typeOf[number]!;
    if (!isSame(types[type]!, REDIRECTED[name])) throw new RangeError(`${name} has another signature`);
    const body = callOf(type, types[type]!, firstSlot + index, QUICK_WAYS[name]);
    bodies.set(number - imported.length, () => body);
  }
  module.changeBodies(bodies);
  return module.bytes();
};

const withoutJoining = (bytes: Uint8Array): Uint8Array => {
  const changed = Buffer.from(bytes);
  const end = changed.indexOf(FAILED_JOINING);
  const start = changed.lastIndexOf(HAS_OS_HANDLE, end);
  if (end < 0 || start < 0 || end - start > NEARBY || changed.includes(FAILED_JOINING, end + 1)) {
    throw new RangeError('join_thread looks different');
  }
  changed.set(HAS_NONE, start);
  return changed;
};

const withFrame = (body: Uint8Array): Uint8Array => {
  const code = Buffer.from(body);
  const at = code.indexOf(FRAME_ADDRESS);
  if (at < 0 || code.includes(FRAME_ADDRESS, at + 1)) throw new RangeError('_Py_Dealloc looks different');
  const end = at + FRAME_ADDRESS.length;
  return Buffer.concat([code.subarray(0, end), TAKE_FRAME, code.subarray(end)]);
};

const isSame = (one: Signature, other: Signature): boolean =>
  JSON.stringify([one.parameters, one.results]) === JSON.stringify([other.parameters, other.results]);

const functionTypes = (module: WasmModule): Signature[] => {
  const { count, items } = module.vector(SECTION.type);
  const cursor = { at: 0 };
  return Array.from({ length: count }, () => {
    if (items[cursor.at] !== FUNCTION_TYPE) throw new RangeError('a type is none of a function');
    cursor.at += 1;
    return { parameters: valueTypes(items, cursor), results: valueTypes(items, cursor) };
  });
};

const valueTypes = (items: Uint8Array, cursor: Cursor): number[] => {
  const count = readUnsigned(items, cursor);
  cursor.at += count;
  return [...items.subarray(cursor.at - count, cursor.at)];
};

/** Types of the functions that are imported; beside them there are only globals. */
const importedTypes = (module: WasmModule): number[] => {
  const { count, items } = module.vector(SECTION.import);
  const cursor = { at: 0 };
  const types: number[] = [];
  for (let index = 0; index < count; index += 1) {
    for (let name = 0; name < 2; name += 1) {
      const length = readUnsigned(items, cursor);
      cursor.at += length;
    }
    const kind = items[cursor.at];
    cursor.at += 1;
    if (kind === KIND.function) types.push(readUnsigned(items, cursor));
    else if (kind === KIND.global) cursor.at += 2;
    else throw new RangeError('something is imported that is neither a function nor a global');
  }
  return types;
};

/** Of the only table; what is at its end is free for who grows it. */
const tableSize = (module: WasmModule): number => {
  const { items } = module.vector(SECTION.table);
  // Type of the elements, then the flags of the limits.
  return readUnsigned(items, { at: 2 });
};

/** A body that calls a slot of the table with its own parameters. */
const callOf = (
  type: number,
  { parameters }: Signature,
  slot: number,
  before: Uint8Array = Uint8Array.of(),
): Uint8Array => {
  const code = [
    ...before,
    ...parameters.flatMap((_, index) => [LOCAL_GET, ...unsigned(index)]),
    I32_CONST,
    ...signed(slot),
    CALL_INDIRECT,
    ...unsigned(type),
    0,
    END,
  ];
  // No locals of its own.
  return Uint8Array.from([0, ...code]);
};

/** A number that is not negative, in the signed form: bit 6 of its last byte is 0. */
const signed = (value: number): number[] => {
  const bytes = unsigned(value);
  const last = bytes.at(-1)!;
  return last < 0x40 ? bytes : [...bytes.slice(0, -1), last | 0x80, 0];
};
