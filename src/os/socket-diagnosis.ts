/**
 * The sockets of a network namespace as the kernel tells them, by sock_diag(7): linux/sock_diag.h and
 * linux/inet_diag.h. Any user may ask about the namespace it is in; ending a socket takes CAP_NET_ADMIN there.
 */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { SystemCallError } from './libc.ts';
import { inNamespace } from './network-namespace.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { AF_INET, AF_INET6, decodeIpAddress, type Protocol } from './socket.ts';

/** linux/netlink.h */
const NETLINK_SOCK_DIAG = 4;
/** linux/sock_diag.h; `SOCK_DESTROY` is there since Linux 4.5, where CONFIG_INET_DIAG_DESTROY is set. */
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
/** netinet/in.h */
const PROTOCOL_NUMBER: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17 };
const FAMILIES = [AF_INET, AF_INET6] as const;

/**
 * net/tcp_states.h, from 1 on. A socket of UDP is `close` unless it is connected, which is `established`;
 * `syn-received` stands twice, as the kernel has a short form of it.
 */
const STATES = [
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'close',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
  'syn-received',
] as const;

export type SocketState = (typeof STATES)[number];

/** `struct inet_diag_sockid`: ports in network order, addresses, interface, cookie. */
const SOCKET_ID = 48;
const REMOTE_PORT = 2;
const LOCAL_ADDRESS = 4;
const REMOTE_ADDRESS = 20;
/** `struct inet_diag_req_v2`: family u8, protocol u8, extensions u8, u8, states u32, then the id. */
const REQUEST = 8 + SOCKET_ID;
/** `struct inet_diag_msg`: family, state, timer, retransmissions u8, the id, then five u32. */
const MESSAGE = 4 + SOCKET_ID + 20;
const EXPIRY = 4 + SOCKET_ID;
const RECEIVE_QUEUE = EXPIRY + 4;
const USER = EXPIRY + 12;
const INODE = EXPIRY + 16;

/** A socket at the moment it was asked about. An IPv4 address in IPv6 form is told as IPv4. */
export interface DiagnosedSocket {
  readonly protocol: Protocol;
  readonly state: SocketState;
  readonly localAddress: string;
  readonly localPort: number;
  /** `0.0.0.0` or `::` and port 0 where it has no peer. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Bytes that wait to be read; of a listening one connections that wait to be accepted. */
  readonly receiveQueue: number;
  /** When its timer runs out, in ms; 0 without one. In `time-wait`: until it is forgotten. */
  readonly expiresMs: number;
  readonly uid: number;
  /** As in `socket:[12345]` of /proc/PID/fd; 0 where no process has it open: not accepted yet, or closed. */
  readonly inode: number;
  /** By which the kernel knows it, for {@link SocketDiagnosis.destroy}. */
  readonly id: Buffer;
  readonly family: typeof AF_INET | typeof AF_INET6;
}

export interface SocketQuery {
  readonly protocol: Protocol;
  /** Absent: in any. */
  readonly states?: readonly SocketState[];
  /** Absent: any. */
  readonly localPort?: number;
}

/** Belongs to the network namespace the calling thread was in when it was opened, and stays there. */
export class SocketDiagnosis extends NetlinkSocket {
  constructor() {
    super(NETLINK_SOCK_DIAG);
  }

  /**
   * Of another network namespace.
   * @param path - a file that stands for it: `/run/netns/NAME`, `/proc/PID/ns/net`
   * @throws Node's errors where there is no such file, {@link SystemCallError} EPERM without CAP_SYS_ADMIN
   */
  static in(path: string): SocketDiagnosis {
    const fd = openSync(path, 'r');
    try {
      return inNamespace(fd, () => new SocketDiagnosis());
    } finally {
      closeSync(fd);
    }
  }

  /**
   * @throws {SystemCallError} ENOENT where the kernel cannot tell of this protocol
   */
  list(query: SocketQuery): DiagnosedSocket[] {
    return FAMILIES.flatMap((family) =>
      this.dump({
        name: 'SOCK_DIAG_BY_FAMILY',
        type: SOCK_DIAG_BY_FAMILY,
        payload: encodeSocketRequest(family, query),
      }).map((message) => decodeSocket(message, query.protocol)),
    );
  }

  /**
   * Ends a socket whoever has it: of TCP its peer is told by a reset, its owner by ECONNABORTED.
   * @returns false where it has ended by itself
   * @throws {SystemCallError} EPERM without CAP_NET_ADMIN, EOPNOTSUPP where the kernel cannot
   */
  destroy({ protocol, family, id }: Pick<DiagnosedSocket, 'protocol' | 'family' | 'id'>): boolean {
    const payload = encodeSocketRequest(family, { protocol });
    id.copy(payload, REQUEST - SOCKET_ID);
    try {
      this.change({ name: 'SOCK_DESTROY', type: SOCK_DESTROY, payload });
      return true;
    } catch (error) {
      if (error instanceof SystemCallError && error.errno === constants.errno.ENOENT) return false;
      throw error;
    }
  }
}

/** A `struct inet_diag_req_v2`; the kernel leaves out sockets of another local port, unless that is 0. */
export const encodeSocketRequest = (
  family: DiagnosedSocket['family'],
  { protocol, states = STATES, localPort = 0 }: SocketQuery,
): Buffer => {
  const bytes = Buffer.alloc(REQUEST);
  bytes.writeUInt8(family, 0);
  bytes.writeUInt8(PROTOCOL_NUMBER[protocol], 1);
  bytes.writeUInt32LE(
    STATES.reduce((bits, state, index) => (states.includes(state) ? bits | (2 << index) : bits), 0),
    4,
  );
  bytes.writeUInt16BE(localPort, REQUEST - SOCKET_ID);
  return bytes;
};

/**
 * Reads a `struct inet_diag_msg`; attributes may follow it.
 * @throws {RangeError} where the bytes are none
 */
export const decodeSocket = (message: Buffer, protocol: Protocol): DiagnosedSocket => {
  const family = message.readUInt8(0);
  const state = STATES[message.readUInt8(1) - 1];
  if ((family !== AF_INET && family !== AF_INET6) || state === undefined || message.length < MESSAGE) {
    throw new RangeError(`${message.length} bytes of family ${family} are no socket of sock_diag`);
  }
  const id = message.subarray(4, 4 + SOCKET_ID);
  const length = family === AF_INET ? 4 : 16;
  return {
    protocol,
    state,
    localAddress: decodeIpAddress(id.subarray(LOCAL_ADDRESS, LOCAL_ADDRESS + length)),
    localPort: id.readUInt16BE(0),
    remoteAddress: decodeIpAddress(id.subarray(REMOTE_ADDRESS, REMOTE_ADDRESS + length)),
    remotePort: id.readUInt16BE(REMOTE_PORT),
    receiveQueue: message.readUInt32LE(RECEIVE_QUEUE),
    expiresMs: message.readUInt32LE(EXPIRY),
    uid: message.readUInt32LE(USER),
    inode: message.readUInt32LE(INODE),
    id,
    family,
  };
};
