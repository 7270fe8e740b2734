/** Waits until nothing has happened for a while, but not for ever. */

/** After so many quiet periods the wait is over, even if things go on happening. */
const PATIENCE = 10;

export class QuietPeriod implements Disposable {
  readonly #quietMs: number;
  readonly #onElapsed: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the present wait is over in any case, in ms of the monotonic clock. */
  #deadline: number | undefined;

  /**
   * @param quietMs - how long nothing must have happened, in ms
   * @param onElapsed - called once per wait
   */
  constructor(quietMs: number, onElapsed: () => void) {
    this.#quietMs = quietMs;
    this.#onElapsed = onElapsed;
  }

  /** Something happened: begins to wait, or starts the wait over. */
  touch(): void {
    const now = performance.now();
    this.#deadline ??= now + PATIENCE * this.#quietMs;
    clearTimeout(this.#timer);
    const wait = Math.max(0, Math.min(this.#quietMs, this.#deadline - now));
    this.#timer = setTimeout(() => {
      this.#deadline = undefined;
      this.#onElapsed();
    }, wait);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#deadline = undefined;
  }
}
