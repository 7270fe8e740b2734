/**
 * Modules that PostgreSQL loads at run time (dlopen(3)): procedural languages, dictionaries, encodings. They are linked as
 * WebAssembly's tool conventions say ("Dynamic Linking"), to PostgreSQL's own functions and to nothing else; one that needs
 * others cannot be loaded.
 */
import { zeroTerminated } from '../../../src/engine/emscripten/calls.ts';
import type { Call } from '../../../src/engine/emscripten/calls.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { readUnsigned } from '../../../src/wasm/leb128.ts';
import { ABSENT_FUNCTIONS } from './absent-functions.ts';
import type { BackendExports } from './backend-exports.ts';
import { isInvocation } from './jumps.ts';
import type { HostFunctions } from './linkage.ts';

/** Emscripten's `struct dso` (system/lib/libc/dynlink.c): where the name begins. */
const NAME_OFFSET = 36;
/** Subsection of `dylink.0`: sizes and alignments. */
const MEMORY_INFO = 1;

interface MemoryInfo {
  readonly memorySize: number;
  /** As powers of two. */
  readonly memoryAlignment: number;
  readonly tableSize: number;
}

export interface LibraryHost {
  readonly memory: GuestMemory;
  readonly table: WebAssembly.Table;
  /** What every module of a backend has in common: memory, table, stack. */
  readonly fixed: Readonly<Record<string, WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global>>;
  readonly files: GuestFileSystem;
  /** Compiled modules by path, for all backends of a server. */
  readonly compiled: Map<string, WebAssembly.Module>;
  readonly exports: () => BackendExports & Record<string, unknown>;
  /** `invoke_…` functions. */
  readonly invocations: (names: readonly string[]) => Record<string, WebAssembly.HostFunction>;
  /** What PostgreSQL itself imports. */
  readonly provided: HostFunctions;
}

export class DynamicLibraries {
  readonly #host: LibraryHost;
  readonly #loaded = new Map<number, Record<string, unknown>>();
  /** Places of functions in the table. */
  #places: Map<unknown, number> | undefined;

  constructor(host: LibraryHost) {
    this.#host = host;
  }

  calls(): Record<string, Call> {
    return {
      _dlopen_js: (handle: number) => this.#open(handle),
      _dlsym_js: (handle: number, name: number) => {
        const found = this.#loaded.get(handle)?.[zeroTerminated(this.#host.memory, name).toString()];
        if (found === undefined) return 0;
        return typeof found === 'function' ? this.#place(found) : (found as WebAssembly.Global).value;
      },
    };
  }

  /** 0 where there is no such module, or where it is none that can be linked. */
  #open(handle: number): number {
    const path = zeroTerminated(this.#host.memory, handle + NAME_OFFSET).toString();
    try {
      const module = this.#compile(path);
      if (module === undefined) return 0;
      this.#loaded.set(handle, this.#link(module));
      return 1;
    } catch {
      return 0;
    }
  }

  #compile(path: string): WebAssembly.Module | undefined {
    const { files, compiled } = this.#host;
    const known = compiled.get(path);
    if (known !== undefined) return known;
    const bytes = files.readBytes(path, 0);
    if (typeof bytes === 'number') return undefined;
    const module = new WebAssembly.Module(bytes);
    compiled.set(path, module);
    return module;
  }

  #link(module: WebAssembly.Module): Record<string, unknown> {
    const { table, memory } = this.#host;
    const { memorySize, memoryAlignment, tableSize } = memoryInfo(module);
    const tableBase = table.grow(tableSize);
    const memoryBase = this.#host.exports().emscripten_builtin_memalign(2 ** memoryAlignment, memorySize);
    memory.refresh();
    memory.slice(memoryBase, memorySize).fill(0);
    const links: { global: WebAssembly.Global; name: string }[] = [];
    const imports = this.#imports(module, { memoryBase, tableBase }, links);
    const { exports } = new WebAssembly.Instance(module, imports);
    for (let index = 0; index < tableSize; index += 1) {
      const placed = table.get(tableBase + index);
      if (placed !== null) this.#places?.set(placed, tableBase + index);
    }
    const found = relocate(exports, memoryBase);
    for (const { global, name } of links) global.value = this.#address(name, found);
    const run = (name: string): void => (exports[name] as (() => void) | undefined)?.();
    run('__wasm_apply_data_relocs');
    run('__wasm_call_ctors');
    return found;
  }

  #imports(
    module: WebAssembly.Module,
    bases: { memoryBase: number; tableBase: number },
    links: { global: WebAssembly.Global; name: string }[],
  ): WebAssembly.Imports {
    const { fixed, provided, invocations } = this.#host;
    const wanted = WebAssembly.Module.imports(module);
    const own = this.#host.exports();
    const available: Record<string, unknown> = {
      ...ABSENT_FUNCTIONS,
      ...provided,
      ...invocations(wanted.map(({ name }) => name).filter(isInvocation)),
      ...fixed,
      __memory_base: constant(bases.memoryBase),
      __table_base: constant(bases.tableBase),
      // The upper half of a result of 64 bits, where a function is called by one that has only 32.
      getTempRet0: own['_emscripten_tempret_get'],
      setTempRet0: own['_emscripten_tempret_set'],
    };
    const imports: WebAssembly.Imports = {};
    for (const { module: from, name, kind } of wanted) {
      const group = (imports[from] ??= {});
      if (from.startsWith('GOT.')) {
        const global = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
        links.push({ global, name });
        group[name] = global;
      } else if (kind === 'function') {
        const found = own[name] ?? available[name];
        if (found === undefined) throw new Error(`PostgreSQL has no function ${name}`);
        group[name] = found as WebAssembly.HostFunction;
      } else {
        group[name] = available[name] as WebAssembly.Memory;
      }
    }
    return imports;
  }

  /** Where a symbol lies: a function in the table, data in memory. */
  #address(name: string, found: Readonly<Record<string, unknown>>): number {
    const symbol = this.#host.exports()[name] ?? found[name];
    if (symbol === undefined) return 0;
    return typeof symbol === 'function' ? this.#place(symbol) : (symbol as WebAssembly.Global).value;
  }

  /** The same function has the same place, whoever asks: PostgreSQL compares pointers. */
  #place(found: unknown): number {
    const { table } = this.#host;
    if (this.#places === undefined) {
      this.#places = new Map();
      for (let index = table.length - 1; index > 0; index -= 1) this.#places.set(table.get(index), index);
    }
    const known = this.#places.get(found);
    if (known !== undefined) return known;
    const place = table.grow(1);
    table.set(place, found);
    this.#places.set(found, place);
    return place;
  }
}

const constant = (value: number): WebAssembly.Global =>
  new WebAssembly.Global({ value: 'i32', mutable: false }, value);

/** Addresses that a module exports count from its own memory on. */
const relocate = (exports: Readonly<Record<string, unknown>>, base: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(exports).map(([name, value]) => [
      name,
      value instanceof WebAssembly.Global ? constant(value.value + base) : value,
    ]),
  );

const memoryInfo = (module: WebAssembly.Module): MemoryInfo => {
  const [section] = WebAssembly.Module.customSections(module, 'dylink.0');
  if (section === undefined) throw new Error('the module cannot be linked');
  const bytes = new Uint8Array(section);
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const kind = readUnsigned(bytes, cursor);
    const size = readUnsigned(bytes, cursor);
    if (kind !== MEMORY_INFO) {
      cursor.at += size;
      continue;
    }
    const [memorySize, memoryAlignment, tableSize] = [0, 0, 0].map(() => readUnsigned(bytes, cursor));
    return { memorySize: memorySize!, memoryAlignment: memoryAlignment!, tableSize: tableSize! };
  }
  return { memorySize: 0, memoryAlignment: 0, tableSize: 0 };
};
