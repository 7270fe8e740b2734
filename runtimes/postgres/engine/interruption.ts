import { Exit } from './exit.ts';

/** 128 and SIGKILL, as a shell has it. */
const KILLED = 137;

/** Ends what a backend waits for: signals do, as they end system calls (signal(7)). */
export class Interruption {
  #interrupt: (() => void) | undefined;
  #isPending = false;

  #isKilled = false;

  /** Whoever waits goes on, and must not go on with anything but its end. */
  kill(): void {
    this.#isKilled = true;
    this.interrupt();
  }

  /** To be said after each wait. Throws {@link Exit}. */
  endIfKilled(): void {
    if (this.#isKilled) throw new Exit(KILLED);
  }

  /** Whoever waits goes on; else whoever waits next does so at once. */
  interrupt(): void {
    if (this.#interrupt === undefined) this.#isPending = true;
    else this.#interrupt();
  }

  /** Has there been one since the last wait? Asked before each. */
  take(): boolean {
    const wasPending = this.#isPending;
    this.#isPending = false;
    return wasPending;
  }

  /** From now on an interruption calls `action`; undefined where nobody waits. */
  onInterrupt(action: (() => void) | undefined): void {
    this.#interrupt = action;
  }
}
