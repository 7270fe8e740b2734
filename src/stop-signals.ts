/** Turns signals into two wishes: stop, and stop now. */
import { constants } from 'node:os';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Stands for a wish to stop that came by no signal; 0 is none, see kill(2). */
export const QUIT = 0;

/** The exit status after a signal, as shells have it. */
export const statusOf = (signal: number): number => (signal === QUIT ? 0 : 128 + signal);

/** What a stop that was asked for by no signal ends with: as SIGTERM, the one that asks for it. */
export const STOPPED_STATUS = statusOf(constants.signals.SIGTERM);

/** A signal came before there was a guest to stop. */
export class StoppedWhileStarting extends Error {
  override readonly name = 'StoppedWhileStarting';
  readonly status: number;

  constructor(signal: number) {
    super('stopped while starting');
    this.status = statusOf(signal);
  }
}

/** Listens until it is disposed of. A signal that comes before anyone wants to know is kept. */
export class StopSignals implements Disposable {
  readonly #received: number[] = [];
  #first: ((signal: number) => void) | undefined;
  #second: (() => void) | undefined;
  readonly #onSignal = (name: NodeJS.Signals): void => this.raise(constants.signals[name]);

  constructor() {
    for (const name of STOP_SIGNALS) process.on(name, this.#onSignal);
  }

  /** As if a signal of this number had come. */
  raise(signal: number): void {
    this.#received.push(signal);
    this.#deliver();
  }

  onFirst(action: (signal: number) => void): void {
    this.#first = action;
    this.#deliver();
  }

  onSecond(action: () => void): void {
    this.#second = action;
    this.#deliver();
  }

  throwIfStopped(): void {
    const [first] = this.#received;
    if (first !== undefined) throw new StoppedWhileStarting(first);
  }

  [Symbol.dispose](): void {
    for (const name of STOP_SIGNALS) process.off(name, this.#onSignal);
  }

  #deliver(): void {
    const [first, second] = this.#received;
    if (first !== undefined) this.#first?.(first);
    if (second !== undefined) this.#second?.();
  }
}
