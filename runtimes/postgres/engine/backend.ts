/**
 * A backend of PostgreSQL: an instance of npm's PGlite, without the JavaScript that comes with it. All that it imports is
 * provided here, so nothing of the engine can be reached but what these functions give.
 */
import { constants } from 'node:fs';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { zeroTerminated } from '../../../src/engine/emscripten/calls.ts';
import type { Call } from '../../../src/engine/emscripten/calls.ts';
import { DescriptorNumbers } from '../../../src/engine/emscripten/descriptor-numbers.ts';
import { fileCalls } from '../../../src/engine/emscripten/file-calls.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { fillRandom } from '../../../src/engine/random.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import { ENDED_CLIENT } from './backend-client.ts';
import type { BackendClient } from './backend-client.ts';
import type { BackendExports } from './backend-exports.ts';
import { DynamicLibraries } from './dynamic-libraries.ts';
import { conversionCalls } from './encoding-conversions.ts';
import { Interruption } from './interruption.ts';
import { isInvocation, jumpModule } from './jumps.ts';
import { Nowhere } from './log-stream.ts';
import { linkImports, plain, setCallbacks, suspending } from './linkage.ts';
import type { HostFunctions } from './linkage.ts';
import { Membership } from './membership.ts';
import type { SharedMemory } from './membership.ts';
import { Preemption } from './preemption.ts';
import type { RelationFiles } from './relation-files.ts';
import { unmapFrom } from './shared-pages.ts';
import { SharedSegments } from './shared-segments.ts';
import type { Stacks } from './stacks.ts';
import { CANCEL_KEY, STACK_TOP } from './static-variables.ts';
import type { BackendState } from './syscalls/backend-calls.ts';
import { descriptorCalls, openingCalls } from './syscalls/descriptor-calls.ts';
import { memoryMapCalls } from './syscalls/memory-map-calls.ts';
import { processCalls } from './syscalls/process-calls.ts';
import { clientCalls, waitingCalls } from './syscalls/waiting-calls.ts';

/** As the module declares its memory and its table. */
const INITIAL_PAGES = 2048;
const MOST_PAGES = 32_768;
const TABLE_SIZE = 6980;

/** What the backends of one server are made from. */
export interface BackendHost {
  readonly module: WebAssembly.Module;
  /** Modules that were loaded at run time, by path. */
  readonly libraries: Map<string, WebAssembly.Module>;
  readonly mounts: readonly GuestMount[];
  readonly env: Readonly<Record<string, string>>;
  readonly stacks: Stacks;
  readonly segments: SharedSegments;
  readonly relations: RelationFiles;
  /** Sends a signal to a backend; whether there is one. */
  readonly kill: (pid: number, signal: number) => boolean;
}

export interface BackendOptions {
  readonly pid: number;
  /** What it joins; absent for the first one, which makes it. */
  readonly shared?: SharedMemory;
  readonly stderr: Descriptor;
  readonly client: BackendClient;
}

export interface Backend {
  readonly pid: number;
  /** Whoever wants to cancel what it does has to know it. */
  readonly cancelKey: Uint8Array;
  readonly exports: BackendExports;
  readonly memory: GuestMemory;
  readonly stackPointer: WebAssembly.Global;
  readonly preemption: Preemption;
  /** Delivers a signal as to a process, now if it waits, else before it does. */
  signal(number: number): void;
  /** It does nothing any more, as after SIGKILL: whatever it waits for throws Exit. */
  kill(): void;
  /** From now on its client says nothing any more. */
  endClient(): void;
  /** Gives back all that it has, of which nothing may run any more. */
  close(): void;
}

/** A backend of which nothing has run yet. */
export const createBackend = (host: BackendHost, options: BackendOptions): Backend => {
  const { module } = host;
  const instance: { exports?: BackendExports & Record<string, unknown> } = {};
  const exports = (): BackendExports & Record<string, unknown> => instance.exports!;
  const linearMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MOST_PAGES });
  const state = newState(host, options, exports);
  const { memory, fds, interruption } = state;
  memory.attach(linearMemory);
  let { client } = options;
  const files = new GuestFileSystem(host.mounts, fds);
  const table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
  const stackPointer = new WebAssembly.Global({ value: 'i32', mutable: true }, STACK_TOP);
  const caught = new WebAssembly.Global({ value: 'i32', mutable: true }, table.grow(1));
  const invocations = jumpsFor({
    table,
    stackPointer,
    caught,
    jumping: new WebAssembly.Tag({ parameters: [] }),
  });
  const wanted = WebAssembly.Module.imports(module);
  const { jump, ...invoked } = invocations(wanted.map(({ name }) => name).filter(isInvocation));
  const provided: HostFunctions = {
    ...plain(memory, systemCalls(state, files, { host, options, linearMemory })),
    ...suspending(
      memory,
      waitingCalls(state, () => client),
    ),
    ...invoked,
    _emscripten_throw_longjmp: jump!,
    __call_sighandler: (handler: number, signal: number) =>
      (table.get(handler) as (signal: number) => void)(signal),
  };
  const fixed = { memory: linearMemory, __indirect_function_table: table, __stack_pointer: stackPointer };
  const { libraries: compiled } = host;
  const linked = { memory, files, table, fixed, provided, exports, invocations, compiled };
  Object.assign(provided, plain(memory, new DynamicLibraries(linked).calls()));
  Object.assign(provided, plain(memory, conversionCalls({ memory, table, exports })));
  instance.exports = new WebAssembly.Instance(module, linkImports(wanted, provided, fixed)).exports as never;
  table.set(caught.value, exports().setThrew);
  const io = clientCalls(state, () => client);
  setCallbacks(exports(), table, suspending(memory, { ...io }));
  return {
    pid: options.pid,
    cancelKey: newCancelKey(),
    exports: exports(),
    memory,
    stackPointer,
    preemption: state.preemption,
    signal: (number) => {
      exports().raise(number);
      interruption.interrupt();
    },
    kill: () => interruption.kill(),
    endClient: () => {
      client = ENDED_CLIENT;
      interruption.interrupt();
    },
    close: () => release(state, host),
  };
};

const release = ({ memory, fds, timers, segments }: BackendState, host: BackendHost): void => {
  // It has ended before it had joined the others.
  if (segments !== host.segments) segments[Symbol.dispose]();
  for (const timer of timers.values()) timer[Symbol.dispose]();
  fds.closeAll();
  // V8 gives memory back when it happens to notice that nobody has it.
  memory.refresh();
  unmapFrom(memory, 0, memory.bytes.length);
};

const newCancelKey = (): Uint8Array => {
  const key = new Uint8Array(CANCEL_KEY.size);
  fillRandom(key);
  return key;
};

/** `invoke_…` functions by their names, and what jumps. */
const jumpsFor =
  (host: Record<string, WebAssembly.Table | WebAssembly.Global | WebAssembly.Tag>) =>
  (names: readonly string[]): Record<string, WebAssembly.HostFunction> =>
    new WebAssembly.Instance(jumpModule(names), { host }).exports as never;

const newState = (
  { stacks, env, segments, relations }: BackendHost,
  { shared, stderr }: BackendOptions,
  exports: () => BackendExports,
): BackendState => {
  const fds = new FdTable();
  for (const stream of [new Nowhere(), new Nowhere(), stderr]) fds.add(stream);
  const memory = new GuestMemory();
  const interruption = new Interruption();
  return {
    memory,
    fds,
    stacks,
    interruption,
    preemption: new Preemption({ memory, stacks, interruption, exports }),
    timers: new Map(),
    env,
    relations,
    writtenPaths: new WeakMap(),
    segments: shared === undefined ? segments : new SharedSegments(),
    exports,
  };
};

const systemCalls = (
  state: BackendState,
  files: GuestFileSystem,
  {
    host,
    options,
    linearMemory,
  }: { host: BackendHost; options: BackendOptions; linearMemory: WebAssembly.Memory },
): Record<string, Call> => {
  const { memory, exports } = state;
  const membership =
    options.shared && new Membership(options.shared, host.segments, () => ({ memory, exports: exports() }));
  const numbers = new DescriptorNumbers({ fds: state.fds, threads: { forget: () => {} } });
  const byPath = fileCalls(state, files, numbers);
  const calls = {
    ...byPath,
    ...openingCalls(state, files, numbers, byPath),
    ...descriptorCalls(state, files, numbers),
    ...memoryMapCalls(state, (address) => membership?.onMap(address)),
    ...processCalls(state, { memory: linearMemory, kill: host.kill }),
  };
  return membership === undefined ? calls : observed(calls, state, { membership, segments: host.segments });
};

/** The calls that tell how far a start has come. */
const observed = (
  calls: Record<string, Call>,
  state: BackendState,
  { membership, segments }: { membership: Membership; segments: SharedSegments },
): Record<string, Call> => {
  const before = (name: string, action: (...values: number[]) => void): Call => {
    const call = calls[name]!;
    return (...values: never[]) => {
      action(...values);
      return call(...values);
    };
  };
  return {
    ...calls,
    __syscall_dup: before('__syscall_dup', () => {
      if (!membership.onDuplicate()) return;
      state.segments[Symbol.dispose]();
      state.segments = segments;
    }),
    __syscall_openat: (directory: number, path: number, flags: number, mode: number) => {
      const text = zeroTerminated(state.memory, path).toString('latin1');
      membership.onOpen(text);
      const kept = membership.keeps(text) ? flags & ~constants.O_TRUNC : flags;
      return (calls['__syscall_openat'] as (...values: number[]) => number)(directory, path, kept, mode);
    },
    __syscall_unlinkat: (directory: number, path: number, flags: number) => {
      if (membership.keeps(zeroTerminated(state.memory, path).toString('latin1'))) return 0;
      return (calls['__syscall_unlinkat'] as (...values: number[]) => number)(directory, path, flags);
    },
    __syscall_faccessat: before('__syscall_faccessat', () => membership.onAccess()),
  };
};
