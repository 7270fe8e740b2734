/**
 * setjmp(3) and longjmp(3) as Emscripten has them: what may be jumped out of is called through functions named
 * `invoke_…` after their types. Emscripten's own are JavaScript, and a stack of the guest cannot be suspended while there is
 * JavaScript on it; these are a WebAssembly module.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';

/** WebAssembly Core Specification 3.0, binary format. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const KIND = { function: 0, table: 1, global: 3, tag: 4 } as const;
const FUNCTION_TYPE = 0x60;
const FUNCREF = 0x70;
const MUTABLE = 1;
const NO_RESULT = 0x40;
const OP = {
  block: 0x02,
  throw: 0x08,
  end: 0x0b,
  return: 0x0f,
  callIndirect: 0x11,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
} as const;
const CATCH = 0x00;
const I32 = 0x7f;

/** Letters of Emscripten's names, and a zero of each type. */
const TYPES: Readonly<Record<string, { type: number; zero: readonly number[] }>> = {
  i: { type: I32, zero: [OP.i32Const, 0] },
  j: { type: 0x7e, zero: [OP.i64Const, 0] },
  f: { type: 0x7d, zero: [OP.f32Const, 0, 0, 0, 0] },
  d: { type: 0x7c, zero: [OP.f64Const, 0, 0, 0, 0, 0, 0, 0, 0] },
};

const PREFIX = 'invoke_';

/** Is a function of this name imported for the sake of jumps? */
export const isInvocation = (name: string): boolean => name.startsWith(PREFIX);

/**
 * A module with the functions of these names, and `jump`, which is Emscripten's `_emscripten_throw_longjmp`. It imports,
 * as `host`: `table`, `stackPointer`; `caught`, a global: the place in the table of setThrew(3), which tells C that a jump
 * has come by; and `jumping`, what jumps are told apart from other exceptions by, the same for all modules of a backend.
 */
export const jumpModule = (names: readonly string[]): WebAssembly.Module => {
  const key = names.join();
  const module = modules.get(key) ?? compile(names);
  modules.set(key, module);
  return module;
};

/** By names: every backend wants the same. */
const modules = new Map<string, WebAssembly.Module>();

const compile = (names: readonly string[]): WebAssembly.Module => {
  const signatures = names.map((name) => signature(name.slice(PREFIX.length)));
  const invoked = signatures.map(({ parameters, result }) => functionType(parameters, result));
  const invoking = signatures.map(({ parameters, result }) => functionType([I32, ...parameters], result));
  // Types: nothing, setThrew's, then what is called, then who calls it.
  const types = [functionType([], []), functionType([I32, I32], []), ...invoked, ...invoking];
  const firstInvoked = 2;
  const firstInvoking = firstInvoked + names.length;
  return new WebAssembly.Module(
    Uint8Array.from([
      ...HEADER,
      ...section(SECTION.type, types),
      ...section(SECTION.import, [
        [...text('host'), ...text('table'), KIND.table, FUNCREF, 0, 1],
        [...text('host'), ...text('stackPointer'), KIND.global, I32, MUTABLE],
        [...text('host'), ...text('caught'), KIND.global, I32, MUTABLE],
        [...text('host'), ...text('jumping'), KIND.tag, 0, JUMP_TYPE],
      ]),
      ...section(SECTION.function, [
        [JUMP_TYPE],
        ...names.map((_, index) => [...unsigned(firstInvoking + index)]),
      ]),
      ...section(SECTION.export, [
        [...text('jump'), KIND.function, 0],
        ...names.map((name, index) => [...text(name), KIND.function, ...unsigned(index + 1)]),
      ]),
      ...section(SECTION.code, [
        code([0, OP.throw, 0]),
        ...signatures.map((each, index) => code(invocation(each, firstInvoked + index))),
      ]),
    ]),
  );
};
const JUMP_TYPE = 0;
const CAUGHT_TYPE = 1;
const GLOBAL = { stackPointer: 0, caught: 1 } as const;

interface Signature {
  readonly parameters: readonly number[];
  readonly result: readonly number[];
  readonly zero: readonly number[];
}

/** @param letters - the result's, then one for each parameter; `v` is none */
const signature = (letters: string): Signature => {
  if (!/^[vijfd][ijfd]*$/.test(letters)) throw new RangeError(`no types have the letters ${letters}`);
  const [result, ...parameters] = letters.split('').map((letter) => TYPES[letter]);
  return {
    parameters: parameters.map((each) => each!.type),
    result: result === undefined ? [] : [result.type],
    zero: result?.zero ?? [],
  };
};

/** Keeps the stack pointer, calls, and where a jump comes out of it restores that and tells. */
const invocation = ({ parameters, result, zero }: Signature, type: number): number[] => {
  const kept = parameters.length + 1;
  return [
    [1, 1, I32],
    [OP.globalGet, GLOBAL.stackPointer, OP.localSet, ...unsigned(kept)],
    [OP.block, NO_RESULT],
    [OP.tryTable, result[0] ?? NO_RESULT, 1, CATCH, 0, 0],
    parameters.flatMap((_, index) => [OP.localGet, ...unsigned(index + 1)]),
    [OP.localGet, 0, OP.callIndirect, ...unsigned(type), 0],
    [OP.end, OP.return, OP.end],
    [OP.localGet, ...unsigned(kept), OP.globalSet, GLOBAL.stackPointer],
    [OP.i32Const, 1, OP.i32Const, 0, OP.globalGet, GLOBAL.caught, OP.callIndirect, CAUGHT_TYPE, 0],
    zero,
  ].flat();
};

const section = (id: number, items: readonly (readonly number[])[]): number[] => {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
};
const text = (value: string): number[] => [...unsigned(value.length), ...Buffer.from(value)];
const functionType = (parameters: readonly number[], result: readonly number[]): number[] => [
  FUNCTION_TYPE,
  ...unsigned(parameters.length),
  ...parameters,
  ...unsigned(result.length),
  ...result,
];
const code = (instructions: readonly number[]): number[] => {
  const body = [...instructions, OP.end];
  return [...unsigned(body.length), ...body];
};
