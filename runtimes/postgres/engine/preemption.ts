/** When a backend that computes lets others go on: asked where PostgreSQL looks for interrupts (rewrite/preemption.ts). */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import type { Interruption } from './interruption.ts';
import type { Stacks } from './stacks.ts';
import { COUNTDOWN, NOT_INTERRUPTED } from './static-variables.ts';

/** Looks for interrupts from one question to the next: the first ones of a command, and at most. */
const FIRST_LOOKS = 64;
const MOST_LOOKS = 2048;
/** What is to lie between two questions, in ms: they cost a fraction of a microsecond. */
const INTERVAL_MS = 0.5;

export interface PreemptionHost {
  readonly memory: GuestMemory;
  readonly stacks: Stacks;
  readonly interruption: Interruption;
  readonly exports: () => BackendExports;
}

export class Preemption {
  readonly #host: PreemptionHost;
  #looks = FIRST_LOOKS;
  /** As performance.now() has it; undefined where nothing was asked since the command began. */
  #lastAsked: number | undefined;

  constructor(host: PreemptionHost) {
    this.#host = host;
  }

  /** A command begins, and may be put off from now on. */
  begin(): void {
    const { memory, exports } = this.#host;
    const pending = exports().InterruptPending.value;
    if (memory.view.getInt32(pending, true) === 0) memory.view.setInt32(pending, NOT_INTERRUPTED, true);
    this.#lastAsked = undefined;
    this.#looks = FIRST_LOOKS;
    this.#countDown();
  }

  /** What the engine says for itself, on no stack that could be suspended, is not put off. */
  end(): void {
    const { memory, exports } = this.#host;
    const pending = exports().InterruptPending.value;
    if (memory.view.getInt32(pending, true) === NOT_INTERRUPTED) memory.view.setInt32(pending, 0, true);
  }

  /** Lets others go on if it is time to; 0, after that. */
  ask(): number | Promise<number> {
    const { stacks } = this.#host;
    const now = performance.now();
    const last = this.#lastAsked;
    this.#lastAsked = now;
    if (last !== undefined) this.#adapt(now - last);
    this.#countDown();
    return stacks.isOverdue(now) ? this.#letOthersGoOn() : 0;
  }

  async #letOthersGoOn(): Promise<number> {
    const { stacks, memory, interruption } = this.#host;
    await stacks.yield();
    interruption.endIfKilled();
    memory.refresh();
    this.#lastAsked = undefined;
    return 0;
  }

  /** Some look for interrupts every few nanoseconds, some every few milliseconds. */
  #adapt(elapsed: number): void {
    const factor = elapsed > INTERVAL_MS ? INTERVAL_MS / elapsed : 2;
    this.#looks = Math.max(1, Math.min(MOST_LOOKS, Math.round(this.#looks * factor)));
  }

  #countDown(): void {
    this.#host.memory.view.setInt32(COUNTDOWN, this.#looks, true);
  }
}
