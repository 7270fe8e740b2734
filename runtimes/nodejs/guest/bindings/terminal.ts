/** `internalBinding('tty_wrap')`, `('pipe_wrap')` and `('signal_wrap')`: the app's own streams, and signals. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { Handle, Request } from './handles.ts';
import { Stream } from './streams.ts';

const UV_ENOTSUP = -95;
const TERMINAL = 'TTY';

/** One of the three standard streams. */
class StandardStream extends Stream {
  #fd: number;

  constructor(type: string, fd: number) {
    super(type);
    this.#fd = fd;
    if (fd >= 0) this.adopt(host.openStandardStream(fd));
  }

  override get fd(): number {
    return this.#fd;
  }

  open(fd: number): number {
    this.#fd = fd;
    const id = host.openStandardStream(fd);
    if (id < 0) return id;
    this.adopt(id);
    return 0;
  }

  setBlocking(): number {
    return 0;
  }
}

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
    return UV_ENOTSUP;
  }
}

class Pipe extends StandardStream {
  constructor() {
    super('PIPEWRAP', -1);
  }

  bind(): number {
    return UV_ENOTSUP;
  }

  listen(): number {
    return UV_ENOTSUP;
  }

  connect(): number {
    return UV_ENOTSUP;
  }

  fchmod(): number {
    return UV_ENOTSUP;
  }
}

class PipeConnectWrap extends Request {
  constructor() {
    super('PIPECONNECTWRAP');
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

export const createPipe = (): Binding => ({
  Pipe,
  PipeConnectWrap,
  constants: { SOCKET: 0, SERVER: 1, IPC: 2, UV_READABLE: 1, UV_WRITABLE: 2 },
});

export const createSignal = (): Binding => ({ Signal });
