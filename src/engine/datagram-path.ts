/** The ways by which datagrams come to a guest's socket and leave it. */
import { errno } from '../os/libc.ts';
import type { Broker } from './broker.ts';
import { EINTR, WASI, failure } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import * as libc from './libc.ts';
import { SockaddrBuffer } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import { MSG_NOSIGNAL } from './sockets.ts';

export interface ReceivedDatagram {
  /** Bytes stored. */
  readonly length: number;
  readonly from: SocketAddress;
  /** It was longer than the buffers. */
  readonly truncated: boolean;
}

/** Nothing here waits. Results below 0 are negated WASI errnos, -EAGAIN where it is not the time yet. */
export interface DatagramPath {
  /** What to poll. */
  readonly hostFd: number;
  /** Fills the loaded iovecs; `flags` are MSG_* bits. */
  receive(memory: GuestMemory, flags: number): ReceivedDatagram | number;
  /** Sends the loaded iovecs as one datagram, without `to` to the connected peer. Returns its length. */
  send(memory: GuestMemory, to: SocketAddress | undefined): number;
  /** From now on it is that peer's alone. */
  connect(peer: SocketAddress, broker: Broker): number;
  peerAddress(): SocketAddress | number;
}

const MSG_TRUNC = 0x20;

const sockaddr = new SockaddrBuffer();

/** struct msghdr (socket.h), 56 bytes: name, namelen, iov, iovlen, control, controllen, flags. */
const messageHeader = new BigUint64Array(7);

/** A socket in the sandbox's own namespace. */
export class KernelPath implements DatagramPath {
  readonly hostFd: number;

  constructor(hostFd: number) {
    this.hostFd = hostFd;
  }

  receive(memory: GuestMemory, flags: number): ReceivedDatagram | number {
    for (;;) {
      const header = describeMessage(memory, sockaddr.clear());
      const length = libc.recvmsg(this.hostFd, header, flags);
      // msg_flags follows msg_controllen.
      if (length >= 0) {
        return { length, from: sockaddr.get(), truncated: (Number(header[6]!) & MSG_TRUNC) !== 0 };
      }
      if (errno() !== EINTR) return failure();
    }
  }

  /** Several buffers are one datagram, so this takes sendmsg(2) where a stream could do with less. */
  send(memory: GuestMemory, to: SocketAddress | undefined): number {
    if (to !== undefined) sockaddr.set(to);
    const header = describeMessage(memory, to === undefined ? undefined : sockaddr);
    for (;;) {
      const length = libc.sendmsg(this.hostFd, header, MSG_NOSIGNAL);
      if (length >= 0) return length;
      if (errno() !== EINTR) return failure();
    }
  }

  connect(peer: SocketAddress, broker: Broker): number {
    // No socket comes back: UDP does not leave a sandbox, so it is this one that is connected.
    return broker.connect(this.hostFd, 'udp', peer).result;
  }

  peerAddress(): SocketAddress | number {
    const { bytes, length } = sockaddr.clear();
    return libc.getpeername(this.hostFd, bytes, length) < 0 ? failure() : sockaddr.get();
  }

  close(): number {
    return libc.close(this.hostFd) < 0 ? failure() : WASI.SUCCESS;
  }
}

const describeMessage = (memory: GuestMemory, name: SockaddrBuffer | undefined): BigUint64Array => {
  const iovecs = memory.toHostIovecs();
  messageHeader[0] = name === undefined ? 0n : libc.addressOf(name.bytes);
  messageHeader[1] = name === undefined ? 0n : BigInt(name.length[0]!);
  messageHeader[2] = libc.addressOf(iovecs);
  messageHeader[3] = BigInt(memory.iovCount);
  messageHeader[4] = 0n;
  messageHeader[5] = 0n;
  messageHeader[6] = 0n;
  return messageHeader;
};
