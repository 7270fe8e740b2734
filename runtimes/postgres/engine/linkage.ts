/** What a backend's module is linked to. */
import { answering } from '../../../src/engine/emscripten/calls.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import { callbackModule } from './callbacks.ts';

export type HostFunctions = Record<string, WebAssembly.HostFunction | WebAssembly.Suspending>;

type Functions = Readonly<Record<string, (...values: never[]) => unknown>>;

/** Functions that answer at once. */
export const plain = (memory: GuestMemory, calls: Functions): Record<string, WebAssembly.HostFunction> =>
  Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, answering(memory, call)]));

/** Functions that may answer by promises: the stack that has called is suspended until then. */
export const suspending = (memory: GuestMemory, calls: Functions): HostFunctions =>
  Object.fromEntries(
    Object.entries(plain(memory, calls)).map(([name, call]) => [name, new WebAssembly.Suspending(call)]),
  );

const imports = new WeakMap<WebAssembly.Module, readonly WebAssembly.ModuleImportDescriptor[]>();

/** What a module imports; V8 makes a new list of a hundred each time it is asked. */
export const importsOf = (module: WebAssembly.Module): readonly WebAssembly.ModuleImportDescriptor[] => {
  const known = imports.get(module) ?? WebAssembly.Module.imports(module);
  imports.set(module, known);
  return known;
};

/** @param provided - a function for each import that is none of the `fixed` ones */
export const linkImports = (
  wanted: readonly WebAssembly.ModuleImportDescriptor[],
  provided: HostFunctions,
  fixed: Readonly<Record<string, WebAssembly.Memory | WebAssembly.Table | WebAssembly.Global>>,
): WebAssembly.Imports => {
  const links: WebAssembly.Imports = {};
  for (const { module: from, name } of wanted) (links[from] ??= {})[name] = fixed[name] ?? provided[name]!;
  return links;
};

/** What is not provided fails when it is called. */
export const refusing = (name: string) => (): number => {
  if (name.startsWith('__syscall_')) return -WASI.ENOSYS;
  throw new Error(`PostgreSQL called ${name}, which is not there in a sandbox`);
};

/** It is the same for all. */
let callbacks: WebAssembly.Module | undefined;

/** What C calls by pointers: the client, and programs, of which none is ever started. */
export const setCallbacks = (exports: BackendExports, table: WebAssembly.Table, io: HostFunctions): void => {
  const host = { ...io, system: () => -1, popen: () => 0, pclose: () => -1 };
  callbacks ??= callbackModule();
  const functions = new WebAssembly.Instance(callbacks, { host }).exports;
  const place = (name: string): number => {
    const free = table.grow(1);
    table.set(free, functions[name]);
    return free;
  };
  exports.pgl_set_rw_cbs(place('read'), place('write'));
  exports.pgl_set_system_fn(place('system'));
  exports.pgl_set_popen_fn(place('popen'));
  exports.pgl_set_pclose_fn(place('pclose'));
};
