/** What the interpreter asks of its process: clocks, randomness, environment, memory, its end. */
import { WASI } from '../../../../src/engine/errno.ts';
import { clockResolution, readClock } from '../../../../src/engine/clock.ts';
import { fillRandom } from '../../../../src/engine/random.ts';
import type { InterpreterExports } from '../interpreter-exports.ts';
import { calendarCalls } from '../../../../src/engine/emscripten/calendar.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import type { CallContext } from './calls.ts';

const PAGE = 65_536;
/** Memory grows by so many pages at least: 16 MiB. */
const GROWTH = 256;
const NOBODY = 65_534;

/** False where the memory would be larger than it may be. */
const hasGrown = (memory: WebAssembly.Memory, pages: number): boolean => {
  try {
    memory.grow(pages);
    return true;
  } catch {
    return false;
  }
};

/** The interpreter wants to end. */
export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

export interface ProcessOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Told of every number of random bytes that the guest takes. */
  readonly onRandom?: ((length: number) => void) | undefined;
  exports(): InterpreterExports;
}

/** struct utsname of musl (sys/utsname.h): six texts of so many bytes. */
const UNAME_FIELD = 65;
/** As CPython's own build for Emscripten has them: code that asks for Linux would ask for more than there is. */
const SYSTEM = 'Emscripten';
const RELEASE = '5.0.3';
const VERSION = '#1';
const MACHINE = 'wasm32';

/** What the sandbox is called by the app in it. */
export const hostName = (env: Readonly<Record<string, string>>): string => env['HOSTNAME'] ?? 'sandbox';

export const processCalls = (
  { memory }: CallContext,
  { env, onRandom, exports }: ProcessOptions,
): Record<string, Call> => {
  const variables = Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  const exit = (status: number): never => {
    throw new Exit(status);
  };
  return {
    proc_exit: exit,
    exit,
    _abort_js: () => exit(134),
    environ_sizes_get: (count: number, size: number) => {
      memory.view.setUint32(count, variables.length, true);
      memory.view.setUint32(
        size,
        variables.reduce((sum, { length }) => sum + length, 0),
        true,
      );
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
    // Redirected, see redirected-functions.ts.
    uname: (address: number) => {
      for (const [index, field] of [SYSTEM, hostName(env), RELEASE, VERSION, MACHINE, ''].entries()) {
        const room = memory.slice(address + UNAME_FIELD * index, UNAME_FIELD);
        room.fill(0);
        room.set(Buffer.from(field).subarray(0, UNAME_FIELD - 1));
      }
      return 0;
    },
    clock_time_get: (clock: number, _precision: bigint, address: number) => {
      memory.view.setBigUint64(address, readClock(clock), true);
      return 0;
    },
    clock_res_get: (clock: number, address: number) => {
      memory.view.setBigUint64(address, clockResolution(clock), true);
      return 0;
    },
    random_get: (address: number, length: number) => {
      onRandom?.(length);
      fillRandom(memory.slice(address, length));
      return 0;
    },
    emscripten_get_now: () => performance.now(),
    emscripten_date_now: () => Date.now(),
    emscripten_resize_heap: (size: number) => {
      const { memory: own } = exports();
      const missing = Math.ceil(((size >>> 0) - own.buffer.byteLength) / PAGE);
      return hasGrown(own, Math.max(missing, GROWTH)) || hasGrown(own, missing) ? 1 : 0;
    },
    emscripten_get_heap_max: () => 0x8000_0000,
    __syscall_getuid32_js: () => NOBODY,
    _emscripten_get_progname: () => undefined,
    emscripten_runtime_keepalive_push: () => undefined,
    emscripten_runtime_keepalive_pop: () => undefined,
    _emscripten_runtime_keepalive_clear: () => undefined,
    _setitimer_js: () => -WASI.ENOSYS,
    __syscall_statfs64: () => -WASI.ENOSYS,
    __syscall_fstatfs64: () => -WASI.ENOSYS,
    // No module is loaded but WebAssembly's own (dlopen(3)), and no function called through libffi: null is an error.
    _dlopen_js: () => 0,
    _dlsym_js: () => 0,
    ffi_closure_alloc_js: () => 0,
    _emscripten_system: () => -WASI.ENOSYS,
    ...calendarCalls(memory, env),
  };
};
