/** Machines that nobody occupies: sessions that begin take them, and those that were not needed for a while are given up. */
import type { Machine } from './machine.ts';
import type { Stacks } from './stacks.ts';

/** Ms from one look to the next. */
const INTERVAL_MS = 10_000;
/** How many are always kept, each of 2 MB. */
const KEPT = 4;

export class VacantMachines implements Disposable {
  readonly #stacks: Stacks;
  readonly #machines: Machine[] = [];
  /** How many there were at least since the last look: so many nobody needed. */
  #fewest = 0;
  #timer: Disposable | undefined;

  constructor(stacks: Stacks) {
    this.#stacks = stacks;
  }

  /** The one that was left last, if there is any. */
  take(): Machine | undefined {
    const machine = this.#machines.pop();
    this.#fewest = Math.min(this.#fewest, this.#machines.length);
    return machine;
  }

  put(machine: Machine): void {
    this.#machines.push(machine);
    this.#timer ??= this.#stacks.after(INTERVAL_MS, () => this.#look());
  }

  /** Gives them all up. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    for (const machine of this.#machines.splice(0)) machine.abandon();
  }

  #look(): void {
    this.#timer = undefined;
    const unneeded = Math.max(0, Math.min(this.#fewest, this.#machines.length - KEPT));
    for (const machine of this.#machines.splice(0, unneeded)) machine.abandon();
    this.#fewest = this.#machines.length;
    if (this.#fewest > KEPT) this.#timer = this.#stacks.after(INTERVAL_MS, () => this.#look());
  }
}
