/** The supervisor's end of the channel that sockets are handed over on, see engine/messages.ts. */
import { closeSync } from 'node:fs';
import type { DescriptorPacket } from '../engine/messages.ts';
import { receiveDescriptor, sendDescriptor } from '../os/descriptor-passing.ts';
import { SystemCallError } from '../os/libc.ts';

export class SocketChannel implements Disposable {
  readonly #fd: number;
  #isOpen = true;

  /** @param fd - closed with this */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Says something to the engine, with a socket if one is given; this process keeps its own descriptor. */
  hand(packet: DescriptorPacket, socket?: number): void {
    try {
      sendDescriptor(this.#fd, JSON.stringify(packet), socket);
    } catch (error) {
      // The engine is gone; its end is reported elsewhere.
      if (!(error instanceof SystemCallError)) throw error;
    }
  }

  /** A socket that the engine has handed up, which is the caller's now; undefined where there is none. */
  take(): number | undefined {
    try {
      return receiveDescriptor(this.#fd)?.descriptor;
    } catch (error) {
      if (error instanceof SystemCallError) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#fd);
  }
}
