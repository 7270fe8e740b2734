/**
 * The accepted connections of the guest, and how it is parted from them when another engine takes its place:
 * those in the middle of something go on, the others end, and when none is left the engine leaves.
 */
import { Connection } from './connection.ts';
import type { ConnectionOrigin } from './connection.ts';
import type { Control } from './control.ts';
import type { Poller } from './poll.ts';
import { drainUntilClosed } from './linger.ts';

/** socket.h */
const SHUT_RDWR = 2;

export class Connections {
  readonly #control: Control;
  readonly #open = new Set<Connection>();
  #isDraining = false;

  constructor(control: Control) {
    this.#control = control;
  }

  /** A connection that has just been accepted. */
  accept(fd: number, poller: Poller, origin: ConnectionOrigin): Connection {
    const connection = new Connection(fd, poller, origin, (closed) => this.#forget(closed));
    origin.traffic.accepted += 1;
    this.#open.add(connection);
    return connection;
  }

  /**
   * A listening socket is about to be closed.
   * @param cut - the connections that were accepted from it end, for the guest as for their clients
   */
  forgetListener(fd: number, cut: boolean): void {
    for (const connection of this.#open) {
      if (connection.listener !== fd) continue;
      // Another socket may get the number.
      connection.listener = undefined;
      if (cut) connection.shutdown(SHUT_RDWR);
    }
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
