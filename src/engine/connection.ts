/**
 * A connection that was accepted. It keeps an eye on where a response of HTTP begins and ends, so that a
 * guest that is to leave can be parted from its clients between two requests, without any of them failing.
 */
import { errno } from '../os/libc.ts';
import { EAGAIN } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { isComplete, isSwitchingProtocols, statusLineLength } from './http-response.ts';
import * as libc from './libc.ts';
import { POLLOUT } from './poll-events.ts';
import type { Poller } from './poll.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, StreamSocket } from './sockets.ts';
import type { TrafficCounter } from './traffic.ts';

/** socket.h: more of the same follows at once. */
const MSG_MORE = 0x8000;
const SHUT_WR = 1;
/** How much of a response's beginning is kept: the headers that matter stand in there. */
const HEAD_SIZE = 512;
/** The end of a body in chunks (RFC 9112 §7.1). */
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** RFC 9112 §9.6: the client takes no further request here. */
const CLOSE_HEADER = Buffer.from('Connection: close\r\n');
const STATUS_LINE_LIMIT = 128;

const peeked = Buffer.alloc(1);

/** Where a connection has come in. */
export interface ConnectionOrigin {
  /** The listening socket it was accepted from. */
  readonly listener: number;
  /** Of the listener's port. */
  readonly traffic: TrafficCounter;
}

export class Connection extends StreamSocket {
  /** The listening socket it was accepted from, for as long as that is open. */
  listener: number | undefined;
  readonly #traffic: TrafficCounter;
  readonly #onClose: (connection: Connection) => void;
  /** Something was received since the last thing that was sent. */
  #isAsked = false;
  #hasTalked = false;
  #head: Buffer | undefined;
  #headLength = 0;
  /** Bytes sent since the response began, its head included. */
  #sent = 0;
  #endsWithLastChunk = false;
  /** It has left HTTP behind: whatever follows is none of its responses. */
  #isUpgraded = false;
  #isActive = true;
  #isParting = false;
  #isShut = false;

  constructor(
    hostFd: number,
    poller: Poller,
    { listener, traffic }: ConnectionOrigin,
    onClose: (connection: Connection) => void,
  ) {
    super(hostFd, poller, 'listener');
    this.listener = listener;
    this.#traffic = traffic;
    this.#onClose = onClose;
  }

  protected override closeHost(): number {
    const result = super.closeHost();
    this.#onClose(this);
    return result;
  }

  override receive(memory: GuestMemory, flags: number): number {
    const length = super.receive(memory, flags);
    if (length > 0) {
      // What was only looked at comes again.
      if ((flags & MSG_PEEK) === 0) this.#traffic.received += length;
      this.#isAsked = true;
      this.#hasTalked = true;
      this.#isActive = true;
    }
    return length;
  }

  override send(memory: GuestMemory): number {
    const isLastResponse = this.#isParting && this.#isAsked && !this.#isUpgraded;
    return isLastResponse ? this.#sendLastResponse(memory) : this.#sendAsIs(memory);
  }

  /** From now on a response of HTTP tells the client to come back by another connection. */
  part(): void {
    this.#isParting = true;
  }

  /** Was there nothing to do since this was asked last, between a response and the next request? */
  isQuiet(): boolean {
    const wasActive = this.#isActive;
    this.#isActive = false;
    if (wasActive || this.#isAsked) return false;
    const isBetween = this.#hasTalked ? this.#isResponseComplete() : true;
    return isBetween && !this.#hasInput();
  }

  /** Ends it for the client, who still can say something. */
  shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    this.shutdown(SHUT_WR);
  }

  #isResponseComplete(): boolean {
    if (this.#head === undefined || this.#isUpgraded) return false;
    return isComplete(this.#head.subarray(0, this.#headLength), this.#sent, this.#endsWithLastChunk);
  }

  #hasInput(): boolean {
    const count = libc.recv(this.hostFd, Number(libc.addressOf(peeked)), 1, MSG_PEEK | MSG_DONTWAIT);
    return count >= 0 || errno() !== EAGAIN;
  }

  /** Hot: once for each piece the guest sends. */
  #note(memory: GuestMemory, length: number): void {
    const { bytes, iovCount } = memory;
    if (this.#isAsked) {
      this.#isAsked = false;
      this.#sent = 0;
      this.#head ??= Buffer.allocUnsafe(HEAD_SIZE);
      const at = memory.iovPointers[0]!;
      this.#headLength = Math.min(length, memory.iovLengths[0]!, HEAD_SIZE);
      this.#head.set(bytes.subarray(at, at + this.#headLength));
      this.#isUpgraded ||= isSwitchingProtocols(this.#head.subarray(0, this.#headLength));
    }
    this.#hasTalked = true;
    this.#isActive = true;
    this.#sent += length;
    this.#traffic.sent += length;
    const lastLength = memory.iovLengths[iovCount - 1]!;
    const end = memory.iovPointers[iovCount - 1]! + lastLength;
    this.#endsWithLastChunk =
      length === memory.iovTotal &&
      lastLength >= LAST_CHUNK.length &&
      bytes[end - 1] === LAST_CHUNK[4] &&
      LAST_CHUNK.equals(bytes.subarray(end - LAST_CHUNK.length, end));
  }

  #sendAsIs(memory: GuestMemory): number {
    const length = super.send(memory);
    if (length > 0) this.#note(memory, length);
    return length;
  }

  /** As {@link send}, with a header more after the status line where there is one. */
  #sendLastResponse(memory: GuestMemory): number {
    const at = memory.iovPointers[0] ?? 0;
    const room = Math.min(memory.iovLengths[0] ?? 0, STATUS_LINE_LIMIT);
    const beginning = Buffer.from(memory.bytes.subarray(at, at + room));
    const lineLength = statusLineLength(beginning);
    if (lineLength === 0 || isSwitchingProtocols(beginning)) return this.#sendAsIs(memory);
    const line = Buffer.concat([beginning.subarray(0, lineLength), CLOSE_HEADER]);
    if (!this.#sendAll(line)) return super.send(memory);
    this.#note(memory, lineLength);
    memory.skip(lineLength);
    const rest = super.send(memory);
    if (rest <= 0) return lineLength;
    this.#sent += rest;
    this.#traffic.sent += rest;
    return lineLength + rest;
  }

  /** A line is short: where there is no room for all of it, the rest is waited for. */
  #sendAll(line: Buffer): boolean {
    const address = Number(libc.addressOf(line));
    for (let sent = 0; sent < line.length;) {
      const count = libc.send(this.hostFd, address + sent, line.length - sent, MSG_NOSIGNAL | MSG_MORE);
      if (count >= 0) sent += count;
      else if (errno() !== EAGAIN) return false;
      else this.poller.wait(this.pollFds(), POLLOUT);
    }
    return true;
  }
}
