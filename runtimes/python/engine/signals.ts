/** Signals for the app, which the supervisor passes on; handled where CPython looks for them. */
import type { InterpreterExports } from './interpreter-exports.ts';
import type { Threads } from './threads.ts';

/** signal(7) */
const SIGTERM = 15;
/** What a process does for a signal where it has not said (signal(7)). */
const SIG_DFL = 0;

export class Signals {
  readonly #threads: Threads;
  readonly #exports: () => InterpreterExports;
  #pending = 0;

  constructor(threads: Threads, exports: () => InterpreterExports) {
    this.#threads = threads;
    this.#exports = exports;
  }

  /** The supervisor wants the app to end. Whether the app does so by itself: whether it has said what to do then. */
  raise(given: number): boolean {
    // 0 where nobody has sent a signal: the sandbox is stopped all the same.
    const signal = given === 0 ? SIGTERM : given;
    if (this.#exports().PyOS_getsig(signal) === SIG_DFL) return false;
    this.#pending = signal;
    this.#threads.interrupt();
    return true;
  }

  /**
   * Called by the interpreter every now and then, where it would run handlers of signals: the number of a signal that
   * has come, or 0. Here threads take turns.
   */
  check(): number | Promise<number> {
    if (this.#pending !== 0) {
      const signal = this.#pending;
      this.#pending = 0;
      return signal;
    }
    if (!this.#threads.isSliceOver) return 0;
    const exports = this.#exports();
    const state = exports.PyEval_SaveThread();
    return this.#threads.yield().then(() => {
      exports.PyEval_RestoreThread(state);
      return 0;
    });
  }
}
