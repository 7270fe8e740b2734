/**
 * Stacks of the backends, suspended while they wait (JavaScript Promise Integration): one of them runs at a time, until it
 * waits, lets others go on, or ends, and the loop waits for all of them. While an activity of them waits it does nothing else, and no other
 * promise of Node's is waited for: so the loop knows when nothing runs.
 */
import { setFlagsFromString } from 'node:v8';
import type { EventPoll } from '../../../src/engine/event-poll.ts';

/**
 * V8 has a stack of its own for each, in KiB: what is never used is only addresses. PostgreSQL's own limit
 * (max_stack_depth) is one of the stack in the guest's memory; V8's frames are larger.
 */
const V8_STACK_SIZE = 60_000;

interface Timer {
  /** As performance.now() has it. */
  readonly deadline: number;
  readonly action: () => void;
}

/** How long what computes may keep all others waiting, in ms: as long as a process of Linux has a processor, about. */
const SLICE_MS = 3;

export type Resume<Value> = (value: Value) => void;

export class Stacks {
  readonly #events: EventPoll;
  readonly #timers = new Set<Timer>();
  /** What only lets others go on, in the order of its coming. */
  readonly #yielding: (() => void)[] = [];
  #running = 0;
  /** When the loop has last looked what happens, as performance.now() has it. */
  #lastLook = 0;
  #failure: { readonly error: unknown } | undefined;
  #onIdle: () => void = () => {};

  constructor(events: EventPoll) {
    this.#events = events;
    setFlagsFromString(`--wasm-stack-switching-stack-size=${V8_STACK_SIZE}`);
  }

  /** Begins something that waits by {@link suspend} only; where it fails, the loop does. */
  begin(activity: () => Promise<void>): void {
    this.#running += 1;
    activity()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#pause());
  }

  /** What an activity waits for, and a stack gives V8 to be suspended: what `resume` is first called with. */
  suspend<Value>(arm: (resume: Resume<Value>) => void): Promise<Value> {
    const { promise, resolve } = Promise.withResolvers<Value>();
    let isOver = false;
    arm((value) => {
      if (isOver) return;
      isOver = true;
      this.#running += 1;
      resolve(value);
    });
    this.#pause();
    return promise;
  }

  /** Is it time to let others go on? */
  isOverdue(now: number): boolean {
    return now - this.#lastLook >= SLICE_MS;
  }

  /** Lets others go on, those that happen something to first. */
  yield(): Promise<void> {
    return this.suspend((resume) => this.#yielding.push(() => resume()));
  }

  /** Calls back once, after `ms`, unless it is disposed of. */
  after(ms: number, action: () => void): Disposable {
    const timer = { deadline: performance.now() + ms, action };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** The loop, until something fails. */
  async loop(): Promise<never> {
    const events = this.#events;
    for (;;) {
      await this.#idle();
      if (this.#failure !== undefined) throw this.#failure.error;
      events.wait(this.#patience());
      if (events.isHostDue) await events.hostTurn();
      this.#ring();
      this.#lastLook = performance.now();
      // One of them: what happens is looked at before it is the next one's turn.
      this.#yielding.shift()?.();
    }
  }

  /** Resolves as soon as nothing runs. */
  async #idle(): Promise<void> {
    while (this.#running > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      await promise;
    }
  }

  #pause(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onIdle();
  }

  #patience(): number {
    if (this.#yielding.length > 0) return 0;
    let deadline = Infinity;
    for (const timer of this.#timers) deadline = Math.min(deadline, timer.deadline);
    return Math.max(0, deadline - performance.now());
  }

  #ring(): void {
    if (this.#timers.size === 0) return;
    const now = performance.now();
    for (const timer of this.#timers.values().toArray()) {
      if (timer.deadline > now || !this.#timers.delete(timer)) continue;
      timer.action();
    }
  }
}
