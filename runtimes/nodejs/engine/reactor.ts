/**
 * The loop of a Node.js app, in the order of libuv's (uv_run): timers, waiting, what has ended, immediates. The guest
 * runs only while it is called; everything it waits for is watched here.
 */
import type { EngineServices } from '../../../src/engine/driver.ts';
import type { EventPoll } from '../../../src/engine/event-poll.ts';
import type { Guest, EngineFunctions } from './guest.ts';
import type { HandleTable } from './handle-table.ts';
import { UnusedMemory } from './unused-memory.ts';

/** Signal numbers (signal(7)) the supervisor's orders stand for. */
const SIGTERM = 15;

export class Reactor {
  readonly #guest: Guest;
  readonly #services: EngineServices;
  readonly #table: HandleTable;
  readonly #state: ReactorState;
  readonly #unused = new UnusedMemory(performance.now());

  constructor(guest: Guest, services: EngineServices, table: HandleTable, state: ReactorState) {
    this.#guest = guest;
    this.#services = services;
    this.#table = table;
    this.#state = state;
  }

  /** Runs the app until nothing keeps it alive; resolves with its exit status. */
  async run(): Promise<number> {
    this.#services.control.onStop((signal) => this.#onStop(signal));
    this.#guest.call('run');
    for (;;) {
      await this.#turn();
      if (this.#isAlive()) continue;
      this.#guest.call('beforeExit');
      if (!this.#isAlive()) return Number(this.#guest.call('atExit'));
    }
  }

  async #turn(): Promise<void> {
    const state = this.#state;
    const now = performance.now();
    this.#unused.giveBack(now);
    if (state.timerAt <= now) {
      state.timerAt = Infinity;
      this.#guest.call('timers');
    }
    const { events } = this.#services;
    events.wait(this.#patience());
    if (events.isHostDue) await events.hostTurn();
    // After the wait: who has read a file sees first what has happened on the network meanwhile, as in libuv.
    if (state.isWoken) {
      state.isWoken = false;
      this.#guest.call('deferred');
    }
    if (state.hasImmediates) this.#guest.call('immediates');
  }

  /** How long there is nothing to do, in milliseconds. */
  #patience(): number {
    const state = this.#state;
    if (state.isWoken || state.hasImmediates || !this.#isAlive()) return 0;
    const now = performance.now();
    return Math.max(0, Math.min(state.timerAt - now, this.#unused.patience(now)));
  }

  #isAlive(): boolean {
    const { timerAt, isTimerRef, isWoken, hasImmediates, work } = this.#state;
    return (
      isWoken || hasImmediates || work > 0 || (isTimerRef && timerAt !== Infinity) || this.#table.isAlive
    );
  }

  /** The supervisor wants the app to end: whether it listens for that. */
  #onStop(signal: number): boolean {
    // 0 where nobody has sent a signal: the sandbox is stopped all the same.
    const wanted = signal === 0 ? SIGTERM : signal;
    if (!this.#state.signals.has(wanted)) return false;
    this.#guest.call('signal', wanted);
    return true;
  }
}

/** What the guest has told of its timers and immediates. */
export class ReactorState {
  /** When the next timer is due, as `performance.now()` has it; Infinity for never. */
  timerAt = Infinity;
  /** The library says so with the first timer that keeps the app alive; those of sockets do not. */
  isTimerRef = false;
  /** The guest has work to do as soon as it can. */
  isWoken = false;
  hasImmediates = false;
  /** How much the engine's threads are at for the guest. */
  work = 0;
  readonly signals = new Set<number>();

  /** A thread of the engine starts to work for the guest, until the hold is disposed of. */
  hold(events: EventPoll): Disposable {
    const held = events.hold();
    this.work += 1;
    return {
      [Symbol.dispose]: () => {
        this.work -= 1;
        held[Symbol.dispose]();
      },
    };
  }

  readonly functions: EngineFunctions = {
    plain: {
      setTimer: (milliseconds: number) => {
        this.timerAt = performance.now() + milliseconds;
        return undefined;
      },
      refTimer: (isRef: boolean) => {
        this.isTimerRef = isRef;
        return undefined;
      },
      refImmediate: (isRef: boolean) => {
        this.hasImmediates = isRef;
        return undefined;
      },
      wake: () => {
        this.isWoken = true;
        return undefined;
      },
      watchSignal: (signal: number, isOn: boolean) => {
        if (isOn) this.signals.add(signal);
        else this.signals.delete(signal);
        return undefined;
      },
    },
    raw: {},
  };
}
