/**
 * Names functions that V8 is to compile at once, on all its threads, instead of each when it is first called: of a large
 * module's many thousands a start calls some two thousand (WebAssembly's proposal "Compilation Hints").
 */
import { unsigned } from './leb128.ts';
import { SECTION, WasmModule } from './wasm-module.ts';

/** The section that hints are in, and the priority of what is not to wait. */
const NAME = 'metadata.code.compilation_priority';
const FIRST = 0;
/** A hint for a function, not for a place in it. */
const WHOLE_FUNCTION = 0;

/** V8's flag to heed them, to be set before the module is compiled. */
export const COMPILATION_HINTS = '--experimental-wasm-compilation-hints';

/** @param functions - numbers of functions, imported ones counted as well */
export const compileAtOnce = (bytes: Uint8Array, functions: Iterable<number>): Uint8Array => {
  const sorted = [...new Set(functions)].toSorted((one, other) => one - other);
  const module = new WasmModule(bytes);
  const priority = unsigned(FIRST);
  module.insertCustom(SECTION.code, [
    ...unsigned(NAME.length),
    ...Buffer.from(NAME),
    ...unsigned(sorted.length),
    ...sorted.flatMap((each) => [
      ...unsigned(each),
      WHOLE_FUNCTION,
      ...unsigned(priority.length),
      ...priority,
    ]),
  ]);
  return module.bytes();
};

/** What V8 prints with `--trace-wasm-compilation-times`: the module's address, the function's number, the compiler. */
const COMPILED = /^Compiled function (0x[0-9a-f]+)#(\d+) using Liftoff/gm;

/** Functions of the largest module that a process has compiled, by what V8 has printed of it. */
export const compiledFunctions = (trace: string): ReadonlySet<number> => {
  const modules = new Map<string, Set<number>>();
  for (const [, module = '', number] of trace.matchAll(COMPILED)) {
    const functions = modules.get(module) ?? new Set();
    modules.set(module, functions.add(Number(number)));
  }
  return [...modules.values()].reduce((most, each) => (each.size > most.size ? each : most), new Set());
};
