/** Says which process has a port of this host, from /proc alone. */
import { readFileSync } from 'node:fs';
import { commandOf, openSockets, processes } from '../os/process.ts';
import { encodeIpAddress, type Protocol } from '../os/socket.ts';

export interface PortOwner {
  readonly pid: number;
  /** Name of its program, e.g. `node`. */
  readonly command: string;
}

/** `TCP_LISTEN` of net/tcp_states.h, as /proc/net/tcp prints it. */
const LISTEN = '0A';
/** Columns of /proc/net/tcp and /proc/net/udp (proc_net_tcp.rst, proc(5)): `0100007F:1F90`, the state, the inode. */
const LOCAL_ADDRESS = 1;
const STATE = 3;
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

const readRows = (table: Protocol | `${Protocol}6`): string[][] => {
  try {
    const [, ...lines] = readFileSync(`/proc/net/${table}`, 'latin1').trimEnd().split('\n');
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
