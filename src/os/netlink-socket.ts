/** A conversation with the kernel over netlink(7), synchronous: it answers within `send`. */
import { closeSync } from 'node:fs';
import { SystemCallError } from './libc.ts';
import { decodeMessages, encodeMessage } from './netlink.ts';
import { AF_NETLINK, openSocket, receiveDatagram, sendDatagram, SOCK_RAW } from './socket.ts';

/** Message types of linux/netlink.h. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** Request flags of linux/netlink.h. */
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
/** Answer flag: the table changed while it was dumped, the answer may be inconsistent. */
const NLM_F_DUMP_INTR = 0x10;

/** Larger than the 32 KiB the kernel puts into one dump datagram (af_netlink.c, netlink_dump). */
const RECEIVE_BUFFER_BYTES = 64 * 1024;
/** A table that changes during this many dumps in a row is answered as it is. */
const DUMP_ATTEMPTS = 5;

export interface NetlinkRequest {
  /** Name of the message type, for error messages, e.g. `RTM_NEWLINK`. */
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly payload: Buffer;
}

/**
 * Belongs to the network namespace the calling thread was in when it was opened, and stays there.
 * All methods throw `SystemCallError` with the kernel's errno.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(RECEIVE_BUFFER_BYTES);
  #sequence = 0;

  /** @param family - the side of the kernel to speak with, `NETLINK_*` of linux/netlink.h */
  constructor(family: number) {
    this.#fd = openSocket(AF_NETLINK, SOCK_RAW, family);
  }

  /** Asks for a change and waits for the kernel's acknowledgement. */
  change({ name, type, flags = 0, payload }: NetlinkRequest): void {
    const sequence = this.#send(type, flags | NLM_F_REQUEST | NLM_F_ACK, payload);
    for (;;) {
      for (const answer of decodeMessages(receiveDatagram(this.#fd, this.#buffer))) {
        if (answer.sequence !== sequence || answer.type !== NLMSG_ERROR) continue;
        throwIfRefused(name, answer.payload);
        return;
      }
    }
  }

  /** Lists every object of a table: the payloads of the answers. */
  dump(request: NetlinkRequest): Buffer[] {
    for (let attempt = 1; ; attempt += 1) {
      const { payloads, interrupted } = this.#dumpOnce(request);
      if (!interrupted || attempt === DUMP_ATTEMPTS) return payloads;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #dumpOnce({ name, type, payload }: NetlinkRequest): { payloads: Buffer[]; interrupted: boolean } {
    const sequence = this.#send(type, NLM_F_REQUEST | NLM_F_DUMP, payload);
    const payloads: Buffer[] = [];
    let interrupted = false;
    for (;;) {
      for (const answer of decodeMessages(receiveDatagram(this.#fd, this.#buffer))) {
        if (answer.sequence !== sequence) continue;
        if ((answer.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (answer.type === NLMSG_ERROR) throwIfRefused(name, answer.payload);
        if (answer.type === NLMSG_DONE) return { payloads, interrupted };
        payloads.push(Buffer.from(answer.payload));
      }
    }
  }

  #send(type: number, flags: number, payload: Buffer): number {
    this.#sequence += 1;
    sendDatagram(this.#fd, encodeMessage({ type, flags, sequence: this.#sequence, payload }));
    return this.#sequence;
  }
}

/** `struct nlmsgerr` starts with a negative errno, 0 for success. */
const throwIfRefused = (name: string, payload: Buffer): void => {
  const code = -payload.readInt32LE(0);
  if (code !== 0) throw new SystemCallError(name, code);
};
