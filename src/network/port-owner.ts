/** Says which process has a port of this host, from /proc alone. */
import { readFileSync } from 'node:fs';
import { commandOf, openSockets, processes } from '../os/process.ts';
import { decodeIpAddress, encodeIpAddress, type Protocol } from '../os/socket.ts';

export interface PortOwner {
  readonly pid: number;
  /** Name of its program, e.g. `node`. */
  readonly command: string;
}

/** `TCP_LISTEN` of net/tcp_states.h, as /proc/net/tcp prints it. */
const LISTEN = '0A';
/** `TCP_CLOSE`, which a socket of UDP is in without a peer. */
const UNCONNECTED = '07';
/**
 * Columns of /proc/net/tcp and /proc/net/udp (proc_net_tcp.rst, proc(5)): `0100007F:1F90`, the state, what waits to
 * be sent and received, the inode.
 */
const LOCAL_ADDRESS = 1;
const STATE = 3;
const QUEUES = 4;
const INODE = 9;

const ANY_V4 = procAddress('0.0.0.0');
const ANY_V6 = procAddress('::');

/**
 * The process whose socket is in the way of one on `address` and `port`: it has the same address or all
 * addresses; of TCP it listens. Undefined when this user may not see it.
 */
export const findPortOwner = (
  address: string,
  port: number,
  protocol: Protocol = 'tcp',
): PortOwner | undefined => {
  const inodes = inodesInTheWay(address, port, protocol);
  return inodes.size === 0 ? undefined : findSocketOwner(inodes);
};

/** Is a socket in the way of one on `address` and `port`? Any user may ask. */
export const isTaken = (address: string, port: number, protocol: Protocol): boolean =>
  inodesInTheWay(address, port, protocol).size > 0;

const inodesInTheWay = (address: string, port: number, protocol: Protocol): Set<number> => {
  const isInTheWay = conflictWith(address);
  const inodes = new Set<number>();
  for (const row of [...readRows(protocol), ...readRows(`${protocol}6`)]) {
    const [rowAddress = '', rowPort = ''] = (row[LOCAL_ADDRESS] ?? '').split(':');
    const inode = row[INODE];
    // Any socket of UDP has its port for itself, a connected one too.
    if (protocol === 'tcp' && row[STATE] !== LISTEN) continue;
    if (Number.parseInt(rowPort, 16) !== port || inode === undefined) continue;
    if (isInTheWay(rowAddress)) inodes.add(Number(inode));
  }
  return inodes;
};

/** Tells which addresses of /proc/net/tcp are in the way of a listener on `address`. */
const conflictWith = (address: string): ((other: string) => boolean) => {
  const own = procAddress(address);
  const isIpv4 = own.length === ANY_V4.length;
  if (own === ANY_V4 || own === ANY_V6) return (other) => other.length === own.length || other === ANY_V6;
  // A listener on [::] that is not limited to IPv6 is in the way of IPv4 too.
  const conflicts = isIpv4 ? [own, ANY_V4, ANY_V6, procAddress(`::ffff:${address}`)] : [own, ANY_V6];
  return (other) => conflicts.includes(other);
};

/** A socket that takes connections, or datagrams of anybody. */
export interface BoundSocket {
  readonly address: string;
  readonly port: number;
  /** Connections that wait to be accepted; of UDP bytes that wait to be read. */
  readonly waiting: number;
}

/**
 * The sockets of the network that a process is in: of TCP those that listen, of UDP those that are not connected. Any
 * user may ask.
 */
export const boundSockets = (pid: number, protocol: Protocol): BoundSocket[] =>
  [protocol, `${protocol}6` as const]
    .flatMap((table) => readRows(table, pid))
    .filter((row) => row[STATE] === (protocol === 'tcp' ? LISTEN : UNCONNECTED))
    .map((row) => {
      const [address = '', port = ''] = (row[LOCAL_ADDRESS] ?? '').split(':');
      return {
        address: decodeIpAddress(Buffer.from(address, 'hex').swap32()),
        port: Number.parseInt(port, 16),
        waiting: Number.parseInt(row[QUEUES]?.split(':')[1] ?? '0', 16),
      };
    });

const readRows = (table: Protocol | `${Protocol}6`, pid: number | 'self' = 'self'): string[][] => {
  try {
    const [, ...lines] = readFileSync(`/proc/${pid}/net/${table}`, 'latin1').trimEnd().split('\n');
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    // A kernel without IPv6 has neither tcp6 nor udp6.
    return [];
  }
};

/** The first process, by pid, that has one of the sockets open. */
const findSocketOwner = (inodes: ReadonlySet<number>): PortOwner | undefined => {
  const pid = processes().find((candidate) => !inodes.isDisjointFrom(openSockets(candidate)));
  return pid === undefined ? undefined : { pid, command: commandOf(pid) ?? 'a process that has just ended' };
};

/** An address as /proc/net/tcp prints it: 32-bit words in the machine's (little-endian) byte order. */
function procAddress(address: string): string {
  return encodeIpAddress(address).swap32().toString('hex').toUpperCase();
}
