/**
 * A backend of PostgreSQL: what is its own in a machine, which is an instance of npm's PGlite. All that this imports is
 * provided here, so nothing of the engine can be reached but what these functions give.
 */
import { constants } from 'node:fs';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { zeroTerminated } from '../../../src/engine/emscripten/calls.ts';
import type { Call } from '../../../src/engine/emscripten/calls.ts';
import { DescriptorNumbers } from '../../../src/engine/emscripten/descriptor-numbers.ts';
import { fileCalls } from '../../../src/engine/emscripten/file-calls.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { fillRandom } from '../../../src/engine/random.ts';
import type { GuestMount } from '../../../src/engine/mount-table.ts';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import { ENDED_CLIENT } from './backend-client.ts';
import type { BackendClient } from './backend-client.ts';
import type { BackendExports } from './backend-exports.ts';
import { BackendImage } from './backend-image.ts';
import { Interruption } from './interruption.ts';
import { Nowhere } from './log-stream.ts';
import type { LogStream } from './log-stream.ts';
import type { Machine, MachineHost } from './machine.ts';
import { Membership } from './membership.ts';
import type { SharedMemory } from './membership.ts';
import { Preemption } from './preemption.ts';
import type { RelationFiles } from './relation-files.ts';
import { SettingsFiles } from './settings-files.ts';
import type { SharedSegments } from './shared-segments.ts';
import { unmapFrom } from './shared-pages.ts';
import type { Stacks } from './stacks.ts';
import { CANCEL_KEY } from './static-variables.ts';
import type { BackendState } from './syscalls/backend-calls.ts';
import { descriptorCalls, openingCalls } from './syscalls/descriptor-calls.ts';
import { memoryMapCalls } from './syscalls/memory-map-calls.ts';
import { processCalls } from './syscalls/process-calls.ts';
import { clientCalls, waitingCalls } from './syscalls/waiting-calls.ts';

/** What the backends of one server are made from. */
export interface BackendHost extends MachineHost {
  readonly mounts: readonly GuestMount[];
  readonly env: Readonly<Record<string, string>>;
  readonly stacks: Stacks;
  readonly segments: SharedSegments;
  readonly relations: RelationFiles;
  /** Sends a signal to a backend, or to the postmaster where the number is 0; whether it was taken. */
  readonly kill: (pid: number, signal: number) => boolean;
}

interface CommonOptions {
  readonly pid: number;
  /** Nobody else has it; it is vacated by whoever closes the backend. */
  readonly machine: Machine;
  readonly stderr: Descriptor;
  readonly client: BackendClient;
}

/** Told of what the others are going to be copies of, when it can be made. */
export interface FirstOptions extends CommonOptions {
  readonly onImage: (image: BackendImage) => void;
}

/** With what it joins. */
export interface MemberOptions extends CommonOptions {
  readonly stderr: LogStream;
  readonly shared: SharedMemory;
}

export interface Backend {
  readonly pid: number;
  readonly machine: Machine;
  /** Whoever wants to cancel what it does has to know it. */
  readonly cancelKey: Uint8Array;
  readonly exports: BackendExports;
  readonly memory: GuestMemory;
  readonly stackPointer: WebAssembly.Global;
  readonly preemption: Preemption;
  /** Becomes a copy of the first one; for that one it does nothing. */
  join(): void;
  /** Delivers a signal as to a process, now if it waits, else before it does. */
  signal(number: number): void;
  /** It does nothing any more, as after SIGKILL: whatever it waits for throws Exit. */
  kill(): void;
  /** From now on its client says nothing any more. */
  endClient(): void;
  /** Gives back all that it has but its machine; nothing of it may run any more. */
  close(): void;
}

/** A backend of which nothing has run yet. */
export const createBackend = (host: BackendHost, options: FirstOptions | MemberOptions): Backend => {
  const { machine, pid } = options;
  const state = newState(host, options);
  const { memory, fds, interruption, timers, mapped } = state;
  let { client } = options;
  const files = new GuestFileSystem(host.mounts, fds);
  const start = 'shared' in options ? memberStart(host, options, state) : firstStart(options, state, files);
  const { stackPointer } = machine;
  machine.occupy({
    calls: start.observe(systemCalls(host, { state, machine, files, onMap: start.onMap })),
    waiting: waitingCalls(state, () => client),
    client: clientCalls(state, () => client),
    files,
  });
  const { exports } = machine;
  return {
    pid,
    machine,
    cancelKey: newCancelKey(),
    exports,
    memory,
    stackPointer,
    preemption: state.preemption,
    join: () => start.join({ stackPointer, fds, files }),
    signal: (number) => {
      exports.raise(number);
      interruption.interrupt();
    },
    kill: () => interruption.kill(),
    endClient: () => {
      client = ENDED_CLIENT;
      interruption.interrupt();
    },
    close: () => {
      for (const timer of timers.values()) timer[Symbol.dispose]();
      fds.closeAll();
      memory.refresh();
      for (const [address, length] of mapped) unmapFrom(memory, address, length);
    },
  };
};

const newCancelKey = (): Uint8Array => {
  const key = new Uint8Array(CANCEL_KEY.size);
  fillRandom(key);
  return key;
};

const newState = (
  { stacks, env, segments, relations }: BackendHost,
  { machine, stderr }: CommonOptions,
): BackendState => {
  const fds = new FdTable();
  for (const stream of [new Nowhere(), new Nowhere(), stderr]) fds.add(stream);
  const { memory } = machine;
  const exports = (): BackendExports => machine.exports;
  const interruption = new Interruption();
  return {
    memory,
    fds,
    stacks,
    interruption,
    preemption: new Preemption({ memory, stacks, interruption, exports }),
    timers: new Map(),
    mapped: new Map(),
    env,
    relations,
    writtenPaths: new WeakMap(),
    segments,
    exports,
  };
};

interface SystemParts {
  readonly state: BackendState;
  readonly machine: Machine;
  readonly files: GuestFileSystem;
  /** Told where each segment of dynamic shared memory has been mapped. */
  readonly onMap: (address: number) => void;
}

const systemCalls = (
  { kill }: BackendHost,
  { state, machine, files, onMap }: SystemParts,
): Record<string, Call> => {
  const numbers = new DescriptorNumbers({ fds: state.fds, threads: { forget: () => {} } });
  const byPath = fileCalls(state, files, numbers);
  return {
    ...byPath,
    ...openingCalls(state, files, numbers, byPath),
    ...descriptorCalls(state, files, numbers),
    ...memoryMapCalls(state, onMap),
    ...processCalls(state, { memory: machine.linearMemory, kill }),
  };
};

/** How a start differs from that of a process of its own. */
interface Start {
  readonly onMap: (address: number) => void;
  /** The calls that tell how far it has come, observed. */
  readonly observe: (calls: Record<string, Call>) => Record<string, Call>;
  readonly join: Membership['join'];
}

/** Calls with something done before. */
const before =
  (call: Call, action: (...values: number[]) => void): Call =>
  (...values: never[]) => {
    action(...values);
    return call(...values);
  };

const firstStart = (
  { machine, onImage }: FirstOptions,
  { memory, fds, segments }: BackendState,
  files: GuestFileSystem,
): Start => {
  const settings = new SettingsFiles(files);
  let controlAddress = 0;
  let isAlone = true;
  return {
    // The first segment it maps is the one that it has just made to keep the others in.
    onMap: (address) => (controlAddress ||= address),
    observe: (calls) => ({
      ...calls,
      __syscall_openat: before(calls['__syscall_openat']!, (_directory, path = 0, flags = 0) => {
        if (isAlone && (flags & WRITING) === 0) settings.onOpen(zeroTerminated(memory, path).toString());
      }),
      // It has made its shared memory, and is no process yet (rewrite/fork-point.ts).
      __syscall_statfs64: () => {
        isAlone = false;
        const { stackPointer, loaded: libraries } = machine;
        const control = { address: controlAddress, length: segments.control.size };
        onImage(new BackendImage({ memory, stackPointer, fds, files, settings, libraries, control }));
        return 0;
      },
    }),
    join: () => {},
  };
};

/** fcntl.h: either is in the flags of what may be written. */
const WRITING = constants.O_WRONLY | constants.O_RDWR;

const memberStart = (
  { segments }: BackendHost,
  { pid, machine, shared, stderr }: MemberOptions,
  state: BackendState,
): Start => {
  const { memory } = state;
  const membership = new Membership({ pid, machine, shared, segments, stderr }, () => ({
    memory,
    exports: state.exports(),
  }));
  return {
    onMap: (address) => machine.onMap(address),
    observe: (calls) => ({
      ...calls,
      __syscall_openat: before(calls['__syscall_openat']!, (_directory, path = 0) =>
        membership.onOpen(zeroTerminated(memory, path).toString('latin1')),
      ),
      __syscall_faccessat: before(calls['__syscall_faccessat']!, () => membership.onAccess()),
    }),
    join: (target) => membership.join(target),
  };
};
