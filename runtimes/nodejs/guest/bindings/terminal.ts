/** `internalBinding('tty_wrap')` and `('signal_wrap')`: the app's terminal, and signals. */
import { ERRNO } from '../errno.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { Handle } from './handles.ts';
import { StandardStream } from './standard-stream.ts';

const TERMINAL = 'TTY';

class TTY extends StandardStream {
  constructor(fd: number, context: { code?: string }) {
    super('TTYWRAP', fd);
    void context;
  }

  getWindowSize(into: number[]): number {
    [into[0], into[1]] = host.windowSize();
    return 0;
  }

  setRawMode(): number {
    return ERRNO.ENOTSUP;
  }
}

/** Signals somebody listens for. */
const signals = new Map<number, Set<Signal>>();

class Signal extends Handle {
  onsignal: ((signal: number) => void) | undefined;
  #signal = 0;

  constructor() {
    super('SIGNALWRAP');
  }

  start(signal: number): number {
    this.#signal = signal;
    const listening = signals.get(signal) ?? new Set();
    signals.set(signal, listening.add(this));
    host.watchSignal(signal, true);
    return 0;
  }

  stop(): number {
    const listening = signals.get(this.#signal);
    listening?.delete(this);
    if (listening?.size === 0) {
      signals.delete(this.#signal);
      host.watchSignal(this.#signal, false);
    }
    return 0;
  }

  protected override release(): void {
    this.stop();
  }
}

export const deliverSignal = (signal: number): void => {
  for (const each of signals.get(signal) ?? []) {
    if (each.onsignal !== undefined) each.makeCallback(each.onsignal, signal);
  }
};

export const createTty = (): Binding => ({ TTY, isTTY: (fd: number) => host.handleType(fd) === TERMINAL });

export const createSignal = (): Binding => ({ Signal });
