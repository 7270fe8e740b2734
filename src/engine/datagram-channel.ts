/**
 * The engine's end of a stream of datagrams: the supervisor carries them on, this process has no socket that
 * could. The stream is read no further than to the end of the frame that is wanted, so that whatever is left
 * keeps the descriptor readable.
 */
import {
  FRAME_HEADER,
  MAX_FRAME,
  MAX_PAYLOAD,
  readFrameHeader,
  writeFrameHeader,
} from '../os/datagram-frame.ts';
import type { FrameHeader } from '../os/datagram-frame.ts';
import { errno } from '../os/libc.ts';
import type { DatagramPath, ReceivedDatagram } from './datagram-path.ts';
import { EAGAIN, EINTR, WASI } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import * as libc from './libc.ts';
import { POLLOUT } from './poll-events.ts';
import type { Poller } from './poll.ts';
import type { SocketAddress } from './socket-address.ts';
import { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK } from './sockets.ts';

/** A frame on its way out; calls are made one at a time. */
const outgoing = Buffer.alloc(MAX_FRAME);

export class DatagramChannel implements DatagramPath {
  readonly hostFd: number;
  readonly #poller: Poller;
  /** The frame that is being received; its first #received bytes are there. */
  #frame: Buffer | undefined;
  #received = 0;
  #peer: SocketAddress | undefined;

  constructor(hostFd: number, poller: Poller) {
    this.hostFd = hostFd;
    this.#poller = poller;
  }

  /** A whole datagram is here already: nothing more needs to come for a receive. */
  get isReady(): boolean {
    return this.#header() !== undefined;
  }

  receive(memory: GuestMemory, flags: number): ReceivedDatagram | number {
    for (;;) {
      this.#receiveFrame();
      const header = this.#header();
      if (header === undefined) return -WASI.EAGAIN;
      const isWanted = this.#peer === undefined || isSame(this.#peer, header);
      const length = isWanted ? this.#copyTo(memory, header.length) : 0;
      if (!isWanted || (flags & MSG_PEEK) === 0) this.#received = 0;
      if (isWanted) return { length, from: header, truncated: length < header.length };
    }
  }

  /** A frame goes out whole: where its beginning found room, its end is waited for. */
  send(memory: GuestMemory, to: SocketAddress | undefined): number {
    const peer = to ?? this.#peer;
    if (peer === undefined) return -WASI.EDESTADDRREQ;
    const length = memory.iovTotal;
    if (length > MAX_PAYLOAD) return -WASI.EMSGSIZE;
    writeFrameHeader(outgoing, { ...peer, length });
    copyFrom(memory, outgoing);
    const end = FRAME_HEADER + length;
    const address = addressOf(outgoing);
    for (let sent = 0; sent < end;) {
      const count = libc.send(this.hostFd, address + sent, end - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count >= 0) sent += count;
      // Nobody reads any more: the supervisor is ending, and the next wait will tell.
      else if (errno() !== EAGAIN && errno() !== EINTR) return length;
      else if (sent === 0) return -WASI.EAGAIN;
      else this.#poller.wait([this.hostFd], POLLOUT);
    }
    return length;
  }

  connect(peer: SocketAddress): number {
    this.#peer = peer;
    return 0;
  }

  /** Forgets the peer. */
  disconnect(): void {
    this.#peer = undefined;
  }

  peerAddress(): SocketAddress | number {
    return this.#peer ?? -WASI.ENOTCONN;
  }

  /** The header of the frame, once all of it is there. */
  #header(): FrameHeader | undefined {
    if (this.#frame === undefined || this.#received < FRAME_HEADER) return undefined;
    const header = readFrameHeader(this.#frame);
    return header !== undefined && this.#received === FRAME_HEADER + header.length ? header : undefined;
  }

  #receiveFrame(): void {
    const frame = (this.#frame ??= Buffer.alloc(MAX_FRAME));
    if (this.#received < FRAME_HEADER && !this.#receiveUpTo(frame, FRAME_HEADER)) return;
    const header = readFrameHeader(frame);
    if (header !== undefined) this.#receiveUpTo(frame, FRAME_HEADER + header.length);
  }

  #receiveUpTo(frame: Buffer, end: number): boolean {
    while (this.#received < end) {
      const count = libc.recv(
        this.hostFd,
        addressOf(frame) + this.#received,
        end - this.#received,
        MSG_DONTWAIT,
      );
      if (count > 0) this.#received += count;
      else if (count === 0 || errno() !== EINTR) return false;
    }
    return true;
  }

  /** Fills the loaded iovecs with the payload; returns the bytes that found room. */
  #copyTo(memory: GuestMemory, length: number): number {
    let copied = 0;
    for (let index = 0; index < memory.iovCount && copied < length; index += 1) {
      const count = Math.min(length - copied, memory.iovLengths[index]!);
      const from = FRAME_HEADER + copied;
      memory.bytes.set(this.#frame!.subarray(from, from + count), memory.iovPointers[index]);
      copied += count;
    }
    return copied;
  }
}

/** Collects the loaded iovecs behind the header. */
const copyFrom = (memory: GuestMemory, frame: Buffer): void => {
  let at = FRAME_HEADER;
  for (let index = 0; index < memory.iovCount; index += 1) {
    const pointer = memory.iovPointers[index]!;
    frame.set(memory.bytes.subarray(pointer, pointer + memory.iovLengths[index]!), at);
    at += memory.iovLengths[index]!;
  }
};

const isSame = (one: SocketAddress, other: SocketAddress): boolean =>
  one.port === other.port && Buffer.compare(one.ip, other.ip) === 0;

const addressOf = (buffer: Buffer): number => Number(libc.addressOf(buffer));
