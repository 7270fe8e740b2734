/**
 * Functions of CPython and its C library whose bodies Emscripten compiled to nothing, since it knew of no threads:
 * the build replaces them by calls of the engine (rewrite/redirections.ts), which has threads (engine/threads.ts).
 * A function is known by the slot of the table that its new body calls: the first behind the table's own.
 */

/** Value types (WebAssembly Core Specification, binary format). */
export const TYPE = { i32: 0x7f, i64: 0x7e } as const;

export interface Signature {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

const { i32, i64 } = TYPE;

/** In the order of their slots. */
export const REDIRECTED = {
  /** Python/thread_pthread.h: (function, argument, address of its id, address of its handle) → 0. */
  PyThread_start_joinable_thread: { parameters: [i32, i32, i32, i32], results: [i32] },
  /** The same without a handle: its id. */
  PyThread_start_new_thread: { parameters: [i32, i32], results: [i32] },
  /** All threads had the same id: that of the only one. */
  PyThread_get_thread_ident: { parameters: [], results: [i32] },
  PyThread_get_thread_ident_ex: { parameters: [], results: [i64] },
  /**
   * Python/parking_lot.c: (semaphore, ns or -1, whether the thread is to be detached) → 0 or -1 for a timeout. Almost all
   * of CPython's locks wait here, on a counter that who wakes them raises.
   */
  _PySemaphore_Wait: { parameters: [i32, i64, i32], results: [i32] },
  /**
   * Python/thread_pthread.h: (lock, µs or -1, whether a signal ends the wait) → whether it is taken. Locks of buffered
   * files and the like; who waited for one took the processor for ever.
   */
  PyThread_acquire_lock_timed: { parameters: [i32, i64, i32], results: [i32] },
  /** musl: values by thread, of which there was one. */
  pthread_getspecific: { parameters: [i32], results: [i32] },
  pthread_setspecific: { parameters: [i32, i32], results: [i32] },
  /**
   * musl: (clock, flags, address of the time, address for what is left) → 0 or an errno. Emscripten's looked at the clock
   * until the time had passed.
   */
  clock_nanosleep: { parameters: [i32, i32, i32, i32], results: [i32] },
  /** Emscripten: said that the machine is called `emscripten`. */
  uname: { parameters: [i32], results: [i32] },
  /** Emscripten: stood on poll(2), where a closed descriptor is no error and times are whole ms. */
  select: { parameters: [i32, i32, i32, i32, i32], results: [i32] },
  /** Emscripten: refused every option (socket(7)). */
  setsockopt: { parameters: [i32, i32, i32, i32, i32], results: [i32] },
} as const satisfies Readonly<Record<string, Signature>>;

export type RedirectedFunction = keyof typeof REDIRECTED;

export const REDIRECTED_NAMES = Object.keys(REDIRECTED) as RedirectedFunction[];
