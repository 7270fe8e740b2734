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
import { importsOf } from './linkage.ts';
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

/** A library that has been loaded, or a function of one that has been looked up, by the number that C knows it by. */
export type LinkStep =
  | { readonly handle: number; readonly path: string; readonly memoryBase: number }
  | { readonly handle: number; readonly name: string };

export interface LibraryHost {
  readonly memory: GuestMemory;
  readonly table: WebAssembly.Table;
  /** What every module of a backend has in common: memory, table, stack. */
  readonly fixed: Readonly<Record<string, WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global>>;
  readonly files: () => GuestFileSystem;
  /** Compiled modules by path, for all backends of a server. */
  readonly compiled: Map<string, WebAssembly.Module>;
  readonly exports: () => BackendExports & Record<string, unknown>;
  /** `invoke_…` functions. */
  readonly invocations: (names: readonly string[]) => Record<string, WebAssembly.HostFunction>;
  /** What PostgreSQL itself imports. */
  readonly provided: HostFunctions;
}

interface Linked {
  /** What it exports: functions, and variables by their addresses. */
  readonly found: Record<string, unknown>;
  readonly memoryBase: number;
}

export class DynamicLibraries {
  readonly #host: LibraryHost;
  readonly #loaded = new Map<number, Record<string, unknown>>();
  /** Places of functions in the table. */
  #places: Map<unknown, number> | undefined;
  readonly #steps: LinkStep[] = [];

  constructor(host: LibraryHost) {
    this.#host = host;
  }

  calls(): Record<string, Call> {
    return {
      _dlopen_js: (handle: number) => this.#open(handle),
      _dlsym_js: (handle: number, name: number) =>
        this.#lookUp(handle, zeroTerminated(this.#host.memory, name).toString()),
    };
  }

  /** What has been done, in its order. */
  get steps(): readonly LinkStep[] {
    return this.#steps;
  }

  /**
   * Does the same in a new instance, all of which finds the places that it had. What is in memory is another's business:
   * that is to be a copy of the memory where these steps were done.
   */
  repeat(steps: readonly LinkStep[]): void {
    for (const step of steps) {
      const { handle } = step;
      if ('name' in step) this.#lookUp(handle, step.name);
      else this.#load(handle, step.path, step.memoryBase);
    }
  }

  /** Nothing is loaded but by these steps, with which it has begun. */
  reset(steps: readonly LinkStep[]): void {
    const handles = new Set(steps.map(({ handle }) => handle));
    for (const handle of this.#loaded.keys()) if (!handles.has(handle)) this.#loaded.delete(handle);
    this.#steps.length = steps.length;
  }

  /** 0 where there is no such module, or where it is none that can be linked. */
  #open(handle: number): number {
    const path = zeroTerminated(this.#host.memory, handle + NAME_OFFSET).toString();
    try {
      return this.#load(handle, path) ? 1 : 0;
    } catch {
      return 0;
    }
  }

  /** @param knownBase - where a copy of its memory is going to be; absent: it is made */
  #load(handle: number, path: string, knownBase?: number): boolean {
    const module = this.#compile(path);
    if (module === undefined) return false;
    const { found, memoryBase } = this.#link(module, knownBase);
    this.#loaded.set(handle, found);
    this.#steps.push({ handle, path, memoryBase });
    return true;
  }

  /** Where a function or a variable of a library lies; 0 where it has none of that name. */
  #lookUp(handle: number, name: string): number {
    const found = this.#loaded.get(handle)?.[name];
    if (found === undefined) return 0;
    this.#steps.push({ handle, name });
    return typeof found === 'function' ? this.#place(found) : (found as WebAssembly.Global).value;
  }

  #compile(path: string): WebAssembly.Module | undefined {
    const { compiled } = this.#host;
    const known = compiled.get(path);
    if (known !== undefined) return known;
    const bytes = this.#host.files().readBytes(path, 0);
    if (typeof bytes === 'number') return undefined;
    const module = new WebAssembly.Module(bytes);
    compiled.set(path, module);
    return module;
  }

  #link(module: WebAssembly.Module, knownBase?: number): Linked {
    const { table } = this.#host;
    const info = memoryInfo(module);
    const { tableSize } = info;
    const tableBase = table.grow(tableSize);
    const memoryBase = knownBase ?? this.#allocate(info);
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
    if (knownBase === undefined) {
      run('__wasm_apply_data_relocs');
      run('__wasm_call_ctors');
    }
    return { found, memoryBase };
  }

  #allocate({ memorySize, memoryAlignment }: MemoryInfo): number {
    const { memory, exports } = this.#host;
    const address = exports().emscripten_builtin_memalign(2 ** memoryAlignment, memorySize);
    memory.refresh();
    memory.slice(address, memorySize).fill(0);
    return address;
  }

  #imports(
    module: WebAssembly.Module,
    bases: { memoryBase: number; tableBase: number },
    links: { global: WebAssembly.Global; name: string }[],
  ): WebAssembly.Imports {
    const { fixed, provided, invocations } = this.#host;
    const wanted = importsOf(module);
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
