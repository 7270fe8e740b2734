/**
 * The engine's side of the control channel. It takes part in every wait, so that the supervisor is heard
 * (and its death noticed) whenever the guest blocks; JavaScript signal handlers could not run then.
 */
import { readSync, writeSync } from 'node:fs';
import { exitNow } from './libc.ts';
import { CONTROL_FD } from './messages.ts';
import type { ExitedMessage, FromEngine, ToEngine } from './messages.ts';
import { EXIT_STATUS } from '../errors.ts';

const NEWLINE = 0x0a;

export class Control {
  readonly fd = CONTROL_FD;
  readonly #received: ToEngine[] = [];
  #onOrder: ((message: ToEngine) => void) | undefined;
  #onExit: (() => void) | undefined;
  #leavesByItself: (signal: number) => boolean = () => false;
  /** How many orders have been obeyed: what is being waited for may be another one afterwards. */
  orders = 0;
  readonly #chunk = Buffer.alloc(65_536);
  /** Bytes after the last complete line; kept as bytes, a character may be cut in two. */
  #partial: Buffer = Buffer.alloc(0);

  send(message: FromEngine): void {
    try {
      writeSync(this.fd, `${JSON.stringify(message)}\n`);
    } catch (error) {
      // The supervisor is gone: the next wait sees the end of file and exits. What is no system error
      // (a guest has used up the stack) was not about the supervisor.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }

  /** Blocks until the supervisor has said something. Used before the guest runs. */
  next(): ToEngine {
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) return message;
      this.#receive();
    }
  }

  /** Called when the channel is readable while the guest runs. Returns unless the guest has to end. */
  onReadable(): void {
    this.#receive();
    this.obey();
  }

  /** Does what was received already: more than one message may come in one piece. */
  obey(): void {
    for (const message of this.#received.splice(0)) {
      if (message.type === 'stop' && !this.#leavesByItself(message.signal)) {
        this.exit({ status: 0, reason: 'stopped' });
      }
      this.#onOrder?.(message);
      this.orders += 1;
    }
  }

  /** From now on `action` does what the supervisor orders while the guest runs, but for stopping. */
  onOrder(action: (message: ToEngine) => void): void {
    this.#onOrder = action;
  }

  /**
   * From now on `action` is called with the number of the signal when the guest is to leave, and returns whether
   * the guest does so by itself. One that is still there after the grace is killed.
   */
  onStop(action: (signal: number) => boolean): void {
    this.#leavesByItself = action;
  }

  /** From now on `action` is called before the process leaves, to say what is to be said. */
  onExit(action: () => void): void {
    this.#onExit = action;
  }

  /** Reports the end of the guest and leaves the process at once. */
  exit(end: Omit<ExitedMessage, 'type'>): never {
    this.#onExit?.();
    this.send({ type: 'exited', ...end });
    return exitNow(end.status);
  }

  #receive(): void {
    const length = readSync(this.fd, this.#chunk);
    // End of file: no supervisor, no sandbox.
    if (length === 0) exitNow(EXIT_STATUS.failed);
    const bytes = Buffer.concat([this.#partial, this.#chunk.subarray(0, length)]);
    const complete = bytes.lastIndexOf(NEWLINE) + 1;
    this.#partial = bytes.subarray(complete);
    // Only the supervisor holds the other end, so its words are taken as they are.
    for (const line of bytes.toString('utf8', 0, complete).split('\n')) {
      if (line !== '') this.#received.push(JSON.parse(line) as ToEngine);
    }
  }
}
