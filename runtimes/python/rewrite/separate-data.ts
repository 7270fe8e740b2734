/**
 * Takes the interpreter apart into its code and what its memory holds at first: most starts go on from a snapshot of
 * the memory, which is there before the interpreter is. Most exports go too: V8 makes an object for each of several
 * thousand at every start.
 */
import { readSigned, readUnsigned, unsigned } from '../../../src/wasm/leb128.ts';
import { KIND, SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';
import { EXPORTED_NAMES } from '../engine/interpreter-exports.ts';

const I32_CONST = 0x41;
const END = 0x0b;
/** What the memory is imported as. */
const MEMORY_IMPORT = ['env', 'memory'] as const;

export interface SeparatedInterpreter {
  readonly module: Uint8Array;
  /** The memory's first bytes. */
  readonly memory: Uint8Array;
}

/** @throws {RangeError} where the module has data that is not simply put somewhere, or lacks an export */
export const separateData = (bytes: Uint8Array): SeparatedInterpreter => {
  const module = new WasmModule(bytes);
  const segments = dataSegments(module);
  const memory = new Uint8Array(
    Math.max(...segments.map(({ address, content }) => address + content.length)),
  );
  for (const { address, content } of segments) memory.set(content, address);
  module.remove(SECTION.data);
  module.remove(SECTION.dataCount);
  importMemory(module);
  keepExports(module);
  return { module: module.bytes(), memory };
};

const dataSegments = (module: WasmModule): { address: number; content: Uint8Array }[] => {
  const { count, items } = module.vector(SECTION.data);
  const cursor = { at: 0 };
  return Array.from({ length: count }, () => {
    const flags = readUnsigned(items, cursor);
    const instruction = items[cursor.at];
    cursor.at += 1;
    const address = readSigned(items, cursor);
    const end = items[cursor.at];
    cursor.at += 1;
    if (flags !== 0 || instruction !== I32_CONST || end !== END || address < 0) {
      throw new RangeError('a data segment has no fixed address');
    }
    const length = readUnsigned(items, cursor);
    cursor.at += length;
    return { address, content: items.subarray(cursor.at - length, cursor.at) };
  });
};

const importMemory = (module: WasmModule): void => {
  const { items: limits } = module.vector(SECTION.memory);
  module.append(SECTION.import, [
    ...MEMORY_IMPORT.flatMap((name) => [...unsigned(name.length), ...Buffer.from(name)]),
    KIND.memory,
    ...limits,
  ]);
  module.remove(SECTION.memory);
};

const keepExports = (module: WasmModule): void => {
  const wanted: ReadonlySet<string> = new Set(EXPORTED_NAMES);
  const kept = new Map(
    module
      .exports()
      .filter(({ name }) => wanted.has(name))
      .map(({ name, item }) => [name, item] as const),
  );
  const missing = EXPORTED_NAMES.filter((name) => !kept.has(name));
  if (missing.length > 0) throw new RangeError(`the interpreter does not export ${missing.join(', ')}`);
  module.replace(SECTION.export, { count: kept.size, items: Buffer.concat([...kept.values()]) });
};
