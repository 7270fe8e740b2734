/**
 * CPython as WebAssembly (npm's `pyodide`), without the JavaScript that comes with it: all that the interpreter imports
 * is provided here. What it imports for talking to JavaScript is refused, so nothing of the engine can be reached.
 */
import type { EngineServices } from '../../../src/engine/driver.ts';
import type { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { REDIRECTED, REDIRECTED_NAMES } from '../redirected-functions.ts';
import type { InterpreterExports } from './interpreter-exports.ts';
import { adapterModule, lateTrampolineModule, trampolineModule } from './linking-modules.ts';
import { Signals } from './signals.ts';
import { answering } from './syscalls/calls.ts';
import type { CallContext } from './syscalls/calls.ts';
import { DescriptorNumbers } from './syscalls/descriptor-numbers.ts';
import { controlCalls, descriptorCalls, openFileCalls, transferCalls } from './syscalls/descriptors.ts';
import { fileCalls } from './syscalls/files.ts';
import { nameCalls } from './syscalls/names.ts';
import { pollCalls } from './syscalls/poll.ts';
import { Exit, processCalls } from './syscalls/process.ts';
import { Sockets, socketCalls, waitingSocketCalls } from './syscalls/sockets.ts';
import { threadCalls } from './thread-calls.ts';
import { Threads } from './threads.ts';

export interface InterpreterOptions {
  readonly files: GuestFileSystem;
  readonly fds: FdTable;
  readonly services: EngineServices;
  /** `argv`, the program's name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Functions = Record<string, (...values: never[]) => unknown>;

/** Runs `python` with its arguments; resolves with its exit status. */
export const runInterpreter = async (
  module: WebAssembly.Module,
  options: InterpreterOptions,
): Promise<number> => {
  const { fds, files, services, args, env } = options;
  const memory = new GuestMemory();
  const threads = new Threads(services.events);
  const context: CallContext = { memory, fds, threads, nonBlocking: new WeakSet() };
  const numbers = new DescriptorNumbers(context);
  const sockets = new Sockets(context, services);
  const signals = new Signals(threads, () => exports);
  const plain: Functions = {
    ...fileCalls(context, files, numbers.directoryPaths),
    ...descriptorCalls(context, files, numbers),
    ...openFileCalls(context, numbers),
    ...socketCalls(context, services, sockets),
    ...processCalls(context, env, () => exports),
    __call_sighandler: (handler: number, signal: number) =>
      (exports.__indirect_function_table.get(handler) as (signal: number) => void)(signal),
    // Asked before a call that may wait. These wait by themselves.
    ...Object.fromEntries(ASYNC_HOOKS.map((name) => [name, () => null])),
  };
  const suspending: Functions = {
    ...controlCalls(context, numbers),
    ...transferCalls(context),
    ...waitingSocketCalls(context, services, sockets),
    ...pollCalls(context, services),
    ...nameCalls(context, services, () => exports),
    _Py_CheckEmscriptenSignals_Helper: () => signals.check(),
  };
  const trampoline = new WebAssembly.Instance(lateTrampolineModule(), {});
  const imports = linkImports(module, {
    ...mapValues(plain, (call) => answering(memory, call) as never),
    ...mapValues(suspending, (call) => new WebAssembly.Suspending(answering(memory, call) as never)),
    _PyEM_TrampolineCall_JS: trampoline.exports['call'] as never,
  });
  const exports = new WebAssembly.Instance(module, imports).exports as unknown as InterpreterExports;
  memory.attach(exports.memory);
  fillTable(exports, memory, {
    threadFunctions: threadCalls(threads, memory),
    calls: { ...plain, ...suspending },
  });
  const { table } = trampoline.exports as { table: WebAssembly.Table };
  const { call } = new WebAssembly.Instance(trampolineModule(), {
    imported: { table: exports.__indirect_function_table },
  }).exports;
  table.set(0, call);
  exports.emscripten_stack_init();
  exports.__wasm_call_ctors();
  // Python/emscripten_signal.c: from now on the interpreter asks for signals.
  memory.refresh();
  memory.bytes[exports.Py_EMSCRIPTEN_SIGNAL_HANDLING.value] = 1;
  services.control.onStop((signal) => signals.raise(signal));
  const values = writeArguments(exports, memory, args);
  try {
    const { Py_BytesMain } = exports;
    return await threads.run(exports, () => WebAssembly.promising(Py_BytesMain)(args.length, values));
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
};

/** pyodide's own ways to wait, which it asks for a promise first. */
const ASYNC_HOOKS = [
  '_maybe_poll_async',
  '_maybe_recvfrom_async',
  '_maybe_sendto_async',
  '_maybe_connect_async',
];

const mapValues = <Value, Result>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Record<string, Result> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));

/** What is not provided fails when it is called. */
const linkImports = (
  module: WebAssembly.Module,
  provided: Readonly<Record<string, WebAssembly.HostFunction | WebAssembly.Suspending>>,
): WebAssembly.Imports => {
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const group = (imports[from] ??= {});
    // Addresses of functions for other modules, of which there are none.
    if (kind === 'global') group[name] = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    else group[name] = provided[name] ?? (() => refuse(name));
  }
  return imports;
};

/** Asked for at every start, and harmless; the result is not looked at. */
const HARMLESS = new Set(['__hiwire_deduplicate_new', '_Py_emscripten_runtime']);

const refuse = (name: string): number => {
  if (HARMLESS.has(name)) return 0;
  throw new Error(`the interpreter called ${name}, which is not there in a sandbox`);
};

/** Puts the functions behind the redirected ones into the table's last slots. */
const fillTable = (
  exports: InterpreterExports,
  memory: GuestMemory,
  { threadFunctions, calls }: { threadFunctions: Functions; calls: Functions },
): void => {
  const table = exports.__indirect_function_table;
  const first = table.grow(REDIRECTED_NAMES.length);
  /** As the C library answers: -1, and errno. */
  const tell = (result: number): number => {
    if (result >= 0) return result;
    new DataView(exports.memory.buffer).setInt32(exports.__errno_location(), -result, true);
    return -1;
  };
  const inC = (call: (...values: never[]) => unknown) => {
    const answer = answering(memory, call);
    return (...values: never[]) => {
      const result = answer(...values) as number | Promise<number>;
      return typeof result === 'number' ? tell(result) : result.then(tell);
    };
  };
  const host = {
    ...threadFunctions,
    select: new WebAssembly.Suspending(inC(calls['select']!)),
    setsockopt: inC(calls['setsockopt']!),
    socketpair: inC(calls['socketpair']!),
    uname: inC(calls['uname']!),
  } as unknown as Record<string, never>;
  const functions = new WebAssembly.Instance(adapterModule(REDIRECTED), { host }).exports;
  for (const [index, name] of REDIRECTED_NAMES.entries()) table.set(first + index, functions[name]);
};

const writeArguments = (
  exports: InterpreterExports,
  memory: GuestMemory,
  args: readonly string[],
): number => {
  const pointers = args.map((text) => {
    const bytes = Buffer.from(`${text}\0`);
    const address = exports.malloc(bytes.length);
    memory.refresh();
    memory.slice(address, bytes.length).set(bytes);
    return address;
  });
  const values = exports.malloc(4 * (pointers.length + 1));
  memory.refresh();
  for (const [index, pointer] of [...pointers, 0].entries()) {
    memory.view.setUint32(values + 4 * index, pointer, true);
  }
  return values;
};
