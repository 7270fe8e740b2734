/**
 * Node's own event loop, which stands still while a reactor waits in the engine's. libuv's documented way to
 * embed a loop (uv_backend_fd) is its epoll descriptor: readable when the loop has something to do. Node exports
 * libuv's functions to its addons, so this is the main thread's loop for certain; /proc/self/fd shows three
 * or more epoll descriptors, those of Node's helper threads among them, and is closed to a hardened engine.
 */
import { koffi } from '../os/koffi.ts';

type Loop = object;

export class HostLoop {
  readonly #calls = declare();
  readonly #loop: Loop;
  /** Readable when the loop has something to do; closed by nobody. */
  readonly fd: number;

  constructor() {
    // Node runs its main thread on libuv's default loop.
    this.#loop = this.#calls.defaultLoop();
    this.fd = this.#calls.backendFd(this.#loop);
  }

  /**
   * When the loop is due, whatever its descriptor says: in ms for its timers, 0 for what is not in the descriptor
   * yet (setImmediate), Infinity where it waits for nothing at all, or for its descriptor alone.
   */
  dueInMs(): number {
    // A loop that is not alive has no reason to wait, which its timeout would tell as 0.
    if (this.#calls.isAlive(this.#loop) === 0) return Infinity;
    // It counts from when it last looked at the clock.
    this.#calls.updateTime(this.#loop);
    const ms = this.#calls.backendTimeout(this.#loop);
    return ms < 0 ? Infinity : ms;
  }

  /**
   * Lets it go round once; resolves after its callbacks. It is from an immediate that the guest goes on, when
   * all that was ready is done: in the callback of something else the rest of that round would wait.
   */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        // Until the last immediate has returned, which this one will not for long, Node keeps the loop from
        // sleeping. Taking back one more tells it that none is left, if so.
        clearImmediate(setImmediate(() => {}).unref());
        resolve();
      });
    });
  }
}

/** libuv's API documentation, "uv_loop_t — Event loop". */
const declare = () => {
  const self = koffi.load(null);
  return {
    defaultLoop: self.func('void *uv_default_loop()') as () => Loop,
    backendFd: self.func('int uv_backend_fd(void *)') as (loop: Loop) => number,
    backendTimeout: self.func('int uv_backend_timeout(void *)') as (loop: Loop) => number,
    isAlive: self.func('int uv_loop_alive(void *)') as (loop: Loop) => number,
    updateTime: self.func('void uv_update_time(void *)') as (loop: Loop) => void,
  };
};
