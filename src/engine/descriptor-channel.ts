/**
 * The engine's end of the channel that sockets are handed over on (messages.ts). Packets of different kinds
 * share it: each is kept until the one who waits for its kind asks.
 */
import { receiveDescriptor, sendDescriptor } from '../os/descriptor-passing.ts';
import { SystemCallError } from '../os/libc.ts';
import { DESCRIPTOR_FD } from './messages.ts';
import type { DescriptorPacket } from './messages.ts';

/** A packet and the socket that came with it, which is the receiver's now. */
export interface ReceivedPacket<Kind extends DescriptorPacket['kind']> {
  readonly packet: Extract<DescriptorPacket, { kind: Kind }>;
  readonly socket: number | undefined;
}

type AnyPacket = { readonly packet: DescriptorPacket; readonly socket: number | undefined };

export class DescriptorChannel {
  /** To be polled. */
  readonly fds: readonly [number] = [DESCRIPTOR_FD];
  readonly #kept: AnyPacket[] = [];

  /** Hands a socket up; false where the engine may not: the filter for guests that can reach nobody. */
  send(socket: number): boolean {
    try {
      // The text does not matter, but a packet without any would look like the end.
      sendDescriptor(DESCRIPTOR_FD, 'socket', socket);
      return true;
    } catch (error) {
      if (error instanceof SystemCallError) return false;
      throw error;
    }
  }

  /** The next packet of a kind, if it is there. */
  take<Kind extends DescriptorPacket['kind']>(kind: Kind): ReceivedPacket<Kind> | undefined {
    const isWanted = (each: AnyPacket): each is ReceivedPacket<Kind> => each.packet.kind === kind;
    for (;;) {
      const index = this.#kept.findIndex(isWanted);
      const [found] = index < 0 ? [] : this.#kept.splice(index, 1);
      if (found !== undefined && isWanted(found)) return found;
      if (!this.#receive()) return undefined;
    }
  }

  #receive(): boolean {
    try {
      const received = receiveDescriptor(DESCRIPTOR_FD);
      // The supervisor has closed its end, and with it the control channel: the next wait ends the engine.
      if (received === undefined) return false;
      // Only the supervisor holds the other end, so its words are taken as they are.
      const packet = JSON.parse(received.text) as DescriptorPacket;
      this.#kept.push({ packet, socket: received.descriptor });
      return true;
    } catch (error) {
      if (error instanceof SystemCallError && error.code === 'EAGAIN') return false;
      throw error;
    }
  }
}
