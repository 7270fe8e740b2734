/**
 * The accepted connections of the guest, and how it is parted from them when another engine takes its place:
 * those in the middle of something go on, the others end, and when none is left the engine leaves.
 */
import { Connection } from './connection.ts';
import type { Control } from './control.ts';
import type { Poller } from './poll.ts';
import { drainUntilClosed } from './linger.ts';

export class Connections {
  readonly #control: Control;
  readonly #open = new Set<Connection>();
  #isDraining = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** A connection that has just been accepted. */
  accept(fd: number, poller: Poller): Connection {
    const connection = new Connection(fd, poller, (closed) => this.#forget(closed));
    this.#open.add(connection);
    return connection;
  }

  /** Ends connections that are idle since the last time; ends the engine when none is open. */
  drain(): void {
    this.#isDraining = true;
    for (const connection of this.#open) {
      connection.part();
      if (connection.isQuiet()) connection.shut();
    }
    this.#leaveIfDone();
  }

  /** Ends all connections, so that their clients see an end and no reset, and the engine. */
  finish(): never {
    for (const connection of this.#open) connection.shut();
    drainUntilClosed([...this.#open].map(({ hostFd }) => hostFd));
    return this.#control.exit({ status: 0, reason: 'drained' });
  }

  #forget(connection: Connection): void {
    this.#open.delete(connection);
    if (this.#isDraining) this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (this.#open.size === 0) this.#control.exit({ status: 0, reason: 'drained' });
  }
}
