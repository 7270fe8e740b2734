/** What a backend asks of its process: clocks, randomness, environment, memory, signals, its end. */
import { readClock } from '../../../../src/engine/clock.ts';
import { calendarCalls } from '../../../../src/engine/emscripten/calendar.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { fillRandom } from '../../../../src/engine/random.ts';
import { Exit } from '../exit.ts';
import type { BackendState } from './backend-calls.ts';

const PAGE = 65_536;
/** Memory grows by so many pages at least: 4 MiB. */
const GROWTH = 64;
const HEAP_MAX = 0x8000_0000;
const UMASK = 0o077;
/** Whoever PostgreSQL thinks it is run by; 0 it refuses. */
const USER = 1000;
/** A process's end by abort(3): 128 and the number of SIGABRT. */
const ABORTED = 134;

/** netdb.h of musl: nobody is looked for by name. */
const EAI_NONAME = -2;

export interface ProcessOptions {
  readonly memory: WebAssembly.Memory;
  /** Sends a signal to a backend, or to the postmaster where the number is 0; whether it was taken. */
  readonly kill: (pid: number, signal: number) => boolean;
}

/** The lowest number of a process, above those of descriptors: see __syscall_fchmod. */
export const FIRST_PID = 100_000;

export const processCalls = (
  { memory, fds, env, stacks, timers, interruption, exports }: BackendState,
  { memory: own, kill }: ProcessOptions,
): Record<string, Call> => {
  const variables = Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  const exit = (status: number): never => {
    throw new Exit(status);
  };
  return {
    proc_exit: exit,
    exit,
    _abort_js: () => exit(ABORTED),
    __assert_fail: () => exit(ABORTED),
    environ_sizes_get: (count: number, size: number) => {
      memory.view.setUint32(count, variables.length, true);
      const bytes = variables.reduce((sum, { length }) => sum + length, 0);
      memory.view.setUint32(size, bytes, true);
      return 0;
    },
    environ_get: (pointers: number, address: number) => {
      let at = address;
      for (const [index, variable] of variables.entries()) {
        memory.view.setUint32(pointers + 4 * index, at, true);
        memory.slice(at, variable.length).set(variable);
        at += variable.length;
      }
      return 0;
    },
    clock_time_get: (clock: number, _precision: bigint, address: number) => {
      memory.view.setBigUint64(address, readClock(clock), true);
      return 0;
    },
    random_get: (address: number, length: number) => {
      fillRandom(memory.slice(address, length));
      return 0;
    },
    emscripten_get_now: () => performance.now(),
    emscripten_date_now: () => Date.now(),
    emscripten_resize_heap: (size: number) => {
      const missing = Math.ceil(((size >>> 0) - own.buffer.byteLength) / PAGE);
      try {
        own.grow(Math.max(missing, GROWTH));
        return 1;
      } catch {
        return 0;
      }
    },
    emscripten_get_heap_max: () => HEAP_MAX,
    // kill(2) arrives here as well (rewrite/host-process.ts): a number that is no descriptor's is a process's, or, less
    // than 0, that of its group, which it is alone in. 0, whose mode nobody changes, is
    // the postmaster's.
    __syscall_fchmod: (target: number, value: number) => {
      if (target === 0 || Math.abs(target) >= FIRST_PID) {
        if (kill(Math.abs(target), value)) return 0;
        memory.view.setInt32(exports().__errno_location(), WASI.ESRCH, true);
        return -1;
      }
      return fds.get(target)?.setMode(value) ?? -WASI.EBADF;
    },
    _setitimer_js: (which: number, ms: number) => {
      timers.get(which)?.[Symbol.dispose]();
      timers.delete(which);
      if (ms === 0) return 0;
      const ring = (): void => {
        exports()._emscripten_timeout(which, performance.now());
        interruption.interrupt();
      };
      timers.set(which, stacks.after(ms, ring));
      return 0;
    },
    __syscall_umask: () => UMASK,
    __syscall_getuid32: () => USER,
    __syscall_geteuid32: () => USER,
    __syscall_getgid32: () => USER,
    __syscall_getegid32: () => USER,
    getaddrinfo: () => EAI_NONAME,
    getnameinfo: () => EAI_NONAME,
    _emscripten_runtime_keepalive_clear: () => undefined,
    ...calendarCalls(memory, env),
  };
};
