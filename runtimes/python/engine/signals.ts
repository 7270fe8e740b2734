/** Signals for the app, which the supervisor passes on; handled where CPython looks for them. */
import type { InterpreterExports } from './interpreter-exports.ts';
import type { Threads } from './threads.ts';

/** signal(7) */
const SIGTERM = 15;

export class Signals {
  readonly #threads: Threads;
  readonly #exports: () => InterpreterExports;
  #pending = 0;

  constructor(threads: Threads, exports: () => InterpreterExports) {
    this.#threads = threads;
    this.#exports = exports;
  }

  /** The supervisor wants the app to end. Whether it is left to the app. */
  raise(signal: number): boolean {
    this.#pending = signal === 0 ? SIGTERM : signal;
    return false;
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
