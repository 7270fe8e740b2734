/**
 * Small WebAssembly modules between the interpreter and the engine. A stack of the guest can only be suspended while
 * nothing but WebAssembly is on it, and a table takes nothing but functions of WebAssembly.
 */
import { unsigned } from '../../../src/wasm/leb128.ts';
import { TYPE } from '../redirected-functions.ts';
import type { Signature } from '../redirected-functions.ts';

/** WebAssembly Core Specification, binary format; the instructions from 0xfb on are those of 3.0. */
const SECTION = { type: 1, import: 2, function: 3, table: 4, export: 7, code: 10 } as const;
const KIND = { function: 0, table: 1 } as const;
const FUNCTION_TYPE = 0x60;
const FUNCREF = 0x70;
const UNREACHABLE = 0x00;
const IF = 0x04;
const NO_RESULT = 0x40;
const END = 0x0b;
const RETURN = 0x0f;
const CALL_INDIRECT = 0x11;
const CALL_REF = 0x14;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const TABLE_GET = 0x25;
const I32_CONST = 0x41;
const REFERENCE = 0xfb;
const REF_TEST = 0x14;
const REF_CAST = 0x16;

const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const section = (id: number, items: readonly (readonly number[])[]): number[] => {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
};
const name = (text: string): number[] => [...unsigned(text.length), ...Buffer.from(text)];
const functionType = ({ parameters, results }: Signature): number[] => [
  FUNCTION_TYPE,
  ...unsigned(parameters.length),
  ...parameters,
  ...unsigned(results.length),
  ...results,
];
const code = (locals: readonly number[], instructions: readonly number[]): number[] => {
  const body = [...locals, ...instructions, END];
  return [...unsigned(body.length), ...body];
};

/** Imports functions as `host`, and exports them as functions of WebAssembly. */
export const adapterModule = (functions: Readonly<Record<string, Signature>>): WebAssembly.Module => {
  const entries = Object.entries(functions);
  return new WebAssembly.Module(
    Uint8Array.from([
      ...HEADER,
      ...section(
        SECTION.type,
        entries.map(([, signature]) => functionType(signature)),
      ),
      ...section(
        SECTION.import,
        entries.map(([each], index) => [...name('host'), ...name(each), KIND.function, ...unsigned(index)]),
      ),
      ...section(
        SECTION.export,
        entries.map(([each], index) => [...name(each), KIND.function, ...unsigned(index)]),
      ),
    ]),
  );
};

/** Numbers of 32 bits in, one out. */
const numbers = (count: number): Signature => ({
  parameters: Array.from({ length: count }, () => TYPE.i32),
  results: [TYPE.i32],
});

/** Most arguments of a function that CPython calls by a type it may not have. */
const MOST = 3;
/** Function and arguments. */
const TRAMPOLINE = numbers(1 + MOST);

/**
 * `call(function, a, b, c)` calls what has that number in the table `imported.table`, with as many arguments as it
 * takes: CPython calls functions of fewer parameters by pointers to ones with more (Python/emscripten_trampoline.c).
 */
export const trampolineModule = (): WebAssembly.Module => {
  const found = MOST + 1;
  const attempt = (count: number): number[] =>
    [
      [LOCAL_GET, found, REFERENCE, REF_TEST, count, IF, NO_RESULT],
      ...Array.from({ length: count }, (_, index) => [LOCAL_GET, index + 1]),
      [LOCAL_GET, found, REFERENCE, REF_CAST, count, CALL_REF, count, RETURN, END],
    ].flat();
  return new WebAssembly.Module(
    Uint8Array.from([
      ...HEADER,
      ...section(SECTION.type, [
        ...[0, 1, 2, 3].map((count) => functionType(numbers(count))),
        functionType(TRAMPOLINE),
      ]),
      // A table of functions, at least one.
      ...section(SECTION.import, [[...name('imported'), ...name('table'), KIND.table, FUNCREF, 0, 1]]),
      ...section(SECTION.function, [[MOST + 1]]),
      ...section(SECTION.export, [[...name('call'), KIND.function, 0]]),
      ...section(SECTION.code, [
        code(
          [1, 1, FUNCREF],
          [LOCAL_GET, 0, TABLE_GET, 0, LOCAL_SET, found, ...[3, 2, 1, 0].flatMap(attempt), UNREACHABLE],
        ),
      ]),
    ]),
  );
};

/** `call` calls what the only place of `table` holds by then: the trampoline needs a table that is made with its user. */
export const lateTrampolineModule = (): WebAssembly.Module =>
  new WebAssembly.Module(
    Uint8Array.from([
      ...HEADER,
      ...section(SECTION.type, [functionType(TRAMPOLINE)]),
      ...section(SECTION.function, [[0]]),
      ...section(SECTION.table, [[FUNCREF, 0, 1]]),
      ...section(SECTION.export, [
        [...name('call'), KIND.function, 0],
        [...name('table'), KIND.table, 0],
      ]),
      ...section(SECTION.code, [
        code(
          [0],
          [
            ...TRAMPOLINE.parameters.map((_, index) => [LOCAL_GET, index]),
            [I32_CONST, 0, CALL_INDIRECT, 0, 0],
          ].flat(),
        ),
      ]),
    ]),
  );
