/** The functions behind those that the build redirects: see redirected-functions.ts. */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { RedirectedFunction } from '../redirected-functions.ts';
import type { Threads } from './threads.ts';

type ThreadFunction = Exclude<RedirectedFunction, 'setsockopt' | 'socketpair'>;

export const threadCalls = (threads: Threads, memory: GuestMemory): Record<ThreadFunction, never> => {
  const calls = {
    PyThread_start_joinable_thread: (start: number, argument: number, id: number, handle: number) => {
      const thread = threads.start(start, argument);
      memory.refresh();
      memory.view.setBigUint64(id, BigInt(thread), true);
      memory.view.setInt32(handle, thread, true);
      return 0;
    },
    PyThread_start_new_thread: (start: number, argument: number) => threads.start(start, argument),
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
    emscripten_thread_sleep: new WebAssembly.Suspending((ms: number) => threads.sleep(ms)),
  };
  return calls as Record<ThreadFunction, never>;
};
