/** The functions behind those that the build redirects: see redirected-functions.ts. */
import { readClock } from '../../../src/engine/clock.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { RedirectedFunction } from '../redirected-functions.ts';
import type { Threads } from './threads.ts';

type ThreadFunction = Exclude<RedirectedFunction, 'select' | 'setsockopt' | 'uname'>;

/** struct timespec (time.h of musl with 32-bit addresses): 64 bits of seconds, 32 of nanoseconds. */
const NANOSECONDS_OFFSET = 8;
/** No thread was started (pythread.h: PYTHREAD_INVALID_THREAD_ID). */
const FAILED = -1;
/** clock_nanosleep(2): the time is one of the clock, not one to wait. */
const TIMER_ABSTIME = 1;

/** clock_nanosleep(2): 0, or the errno. */
const sleep = (
  { threads, memory }: { threads: Threads; memory: GuestMemory },
  { clock, flags, time, left }: { clock: number; flags: number; time: number; left: number },
): Promise<number> => {
  const { view } = memory;
  const wanted =
    view.getBigInt64(time, true) * 1_000_000_000n + BigInt(view.getInt32(time + NANOSECONDS_OFFSET, true));
  const isAbsolute = (flags & TIMER_ABSTIME) !== 0;
  const ms = Number(isAbsolute ? wanted - readClock(clock) : wanted) / 1e6;
  const deadline = performance.now() + Math.max(0, ms);
  const ends = { deadline, late: 0, interrupted: WASI.EINTR };
  return threads.wait<number>(ends, () => () => {
    if (isAbsolute || left === 0) return;
    const rest = BigInt(Math.max(0, Math.round((deadline - performance.now()) * 1e6)));
    memory.refresh();
    memory.view.setBigInt64(left, rest / 1_000_000_000n, true);
    memory.view.setInt32(left + NANOSECONDS_OFFSET, Number(rest % 1_000_000_000n), true);
  });
};

export const threadCalls = (threads: Threads, memory: GuestMemory): Record<ThreadFunction, never> => {
  const calls = {
    PyThread_start_joinable_thread: (start: number, argument: number, id: number, handle: number) => {
      const thread = threads.start(start, argument);
      if (thread === undefined) return FAILED;
      memory.refresh();
      memory.view.setBigUint64(id, BigInt(thread), true);
      memory.view.setInt32(handle, thread, true);
      return 0;
    },
    PyThread_start_new_thread: (start: number, argument: number) => threads.start(start, argument) ?? FAILED,
    PyThread_get_thread_ident: () => threads.currentId,
    PyThread_get_thread_ident_ex: () => BigInt(threads.currentId),
    pthread_getspecific: (key: number) => threads.specific.get(key) ?? 0,
    pthread_setspecific: (key: number, value: number) => {
      threads.specific.set(key, value);
      return 0;
    },
    _PySemaphore_Wait: new WebAssembly.Suspending((semaphore: number, timeout: bigint) =>
      threads.acquire(semaphore, timeout),
    ),
    PyThread_acquire_lock_timed: new WebAssembly.Suspending(
      (lock: number, timeout: bigint, isInterruptible: number) =>
        threads.acquireLock(lock, timeout, isInterruptible !== 0),
    ),
    clock_nanosleep: new WebAssembly.Suspending(
      (clock: number, flags: number, time: number, left: number) => {
        memory.refresh();
        return sleep({ threads, memory }, { clock, flags, time, left });
      },
    ),
  };
  return calls as Record<ThreadFunction, never>;
};
