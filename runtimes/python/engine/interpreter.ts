/**
 * CPython as WebAssembly (npm's `pyodide`), without the JavaScript that comes with it: all that the interpreter imports
 * is provided here. What it imports for talking to JavaScript is refused, so nothing of the engine can be reached.
 */
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import type { EngineServices } from '../../../src/engine/driver.ts';
import type { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { REDIRECTED, REDIRECTED_NAMES } from '../redirected-functions.ts';
import { writeTexts } from '../../../src/engine/emscripten/c-strings.ts';
import { foreignCalls } from './foreign-calls.ts';
import type { InterpreterExports } from './interpreter-exports.ts';
import { adapterModule, lateTrampolineModule, trampolineModule } from './linking-modules.ts';
import { Signals } from './signals.ts';
import { answering } from '../../../src/engine/emscripten/calls.ts';
import { DescriptorNumbers } from '../../../src/engine/emscripten/descriptor-numbers.ts';
import { fileCalls } from '../../../src/engine/emscripten/file-calls.ts';
import type { CallContext } from './syscalls/calls.ts';
import { controlCalls, descriptorCalls, openFileCalls, transferCalls } from './syscalls/descriptors.ts';
import { memoryMapCalls } from './syscalls/memory-maps.ts';
import { nameCalls } from './syscalls/names.ts';
import { pollCalls } from './syscalls/poll.ts';
import { Exit, processCalls } from './syscalls/process.ts';
import { Sockets, socketCalls, waitingSocketCalls } from './syscalls/sockets.ts';
import { threadCalls } from './thread-calls.ts';
import { Threads } from './threads.ts';

export interface InterpreterOptions {
  /** What it goes on from; see {@link createMemory}. */
  readonly memory: WebAssembly.Memory;
  readonly files: GuestFileSystem;
  readonly fds: FdTable;
  readonly services: EngineServices;
  readonly env: Readonly<Record<string, string>>;
  /** Told of every number of random bytes that the guest takes. */
  readonly onRandom?: (length: number) => void;
}

/** An interpreter of which nothing has run yet. */
export interface Interpreter {
  readonly exports: InterpreterExports;
  readonly memory: GuestMemory;
  readonly threads: Threads;
}

type Functions = Record<string, (...values: never[]) => unknown>;

/** The interpreter as the build has made it. */
export interface Program {
  readonly module: WebAssembly.Module;
  /** Reads what its memory holds at first. */
  initialMemory(): Uint8Array;
}

/** As the module declares its memory, in pages. */
const PAGE = 65_536;
const INITIAL_PAGES = 480;
const MOST_PAGES = 65_536;

/**
 * Memory for an interpreter, all zero.
 * @param limit - bytes that it may grow to; CPython has a MemoryError then
 * @param size - in bytes, where more is needed than it begins with
 */
export const createMemory = (limit: number | undefined, size = 0): WebAssembly.Memory =>
  new WebAssembly.Memory({
    initial: Math.max(INITIAL_PAGES, size / PAGE),
    maximum: limit === undefined ? MOST_PAGES : Math.floor(limit / PAGE),
  });

/** The memory of an interpreter that begins at the beginning. */
export const initialMemory = (program: Program, limit?: number): WebAssembly.Memory => {
  const memory = createMemory(limit);
  new Uint8Array(memory.buffer).set(program.initialMemory());
  return memory;
};

/**
 * Runs `python` with its arguments, from the beginning on; resolves with its exit status.
 * @param args - `argv`, the program's name first
 */
export const runInterpreter = async (
  { exports, memory, threads }: Interpreter,
  args: readonly string[],
): Promise<number> => {
  exports.__wasm_call_ctors();
  const values = writeTexts(exports, memory, args);
  return exitStatus(
    threads.run(exports, () => WebAssembly.promising(exports.Py_BytesMain)(args.length, values)),
  );
};

/** What a run of the interpreter ends with, however it ends. */
export const exitStatus = async (run: Promise<number>): Promise<number> => {
  try {
    return await run;
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
};

/** An interpreter that can be run once. */
export const createInterpreter = (module: WebAssembly.Module, options: InterpreterOptions): Interpreter => {
  const { fds, files, services, env, onRandom } = options;
  const memory = new GuestMemory();
  const threads = new Threads(services.events);
  const state = { nonBlocking: new WeakSet<Descriptor>(), unshared: new WeakSet<Descriptor>() };
  const context: CallContext = { memory, fds, threads, ...state };
  const numbers = new DescriptorNumbers(context);
  const sockets = new Sockets(context, services);
  const signals = new Signals(threads, () => exports);
  const plain: Functions = {
    ...fileCalls(context, files, numbers),
    ...descriptorCalls(context, files, numbers),
    ...openFileCalls(context, numbers),
    ...socketCalls(context, services, sockets),
    ...processCalls(context, { env, onRandom, exports: () => exports }),
    __call_sighandler: (handler: number, signal: number) =>
      (exports.__indirect_function_table.get(handler) as (signal: number) => void)(signal),
    ...foreignCalls(() => exports, memory),
    ...memoryMapCalls(context, () => exports),
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
  const imports = linkImports(module, options.memory, {
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
  // Python/emscripten_signal.c: the interpreter is to ask for signals.
  memory.bytes[exports.Py_EMSCRIPTEN_SIGNAL_HANDLING.value] = 1;
  services.control.onStop((signal) => signals.raise(signal));
  return { exports, memory, threads };
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
  memory: WebAssembly.Memory,
  provided: Readonly<Record<string, WebAssembly.HostFunction | WebAssembly.Suspending>>,
): WebAssembly.Imports => {
  const imports: WebAssembly.Imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    const group = (imports[from] ??= {});
    // Addresses of functions for other modules, of which there are none.
    if (kind === 'global') group[name] = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    else if (kind === 'memory') group[name] = memory;
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
    uname: inC(calls['uname']!),
  } as unknown as Record<string, never>;
  const functions = new WebAssembly.Instance(adapterModule(REDIRECTED), { host }).exports;
  for (const [index, name] of REDIRECTED_NAMES.entries()) table.set(first + index, functions[name]);
};
