/**
 * WasmEdge's `sock_getaddrinfo`: the guest brings a linked list of empty results, the host fills it.
 * Layouts: docs/socket-abis.md, section 2.
 */
import { WASI } from '../errno.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { Broker } from '../broker.ts';
import { lookUp, numericAddress } from '../name-lookup.ts';
import type { IpFamily, LookupFailure } from '../name-lookup.ts';
import { FAMILY } from './wasmedge-address.ts';
import { TYPE } from './wasmedge-options.ts';

/** Offsets in `$addrinfo` and `$sockaddr`, in bytes. */
const INFO = {
  flags: 0,
  family: 2,
  type: 3,
  protocol: 4,
  addressLength: 8,
  address: 12,
  name: 16,
  nameLength: 20,
  next: 24,
} as const;
const SOCKADDR = { family: 0, length: 4, data: 8 } as const;
/** `$aiflags` */
const FLAG = { passive: 1, canonicalName: 2, numericHost: 4, numericService: 8, all: 0x7f } as const;
/** `$protocol` by socket type */
const PROTOCOL: Readonly<Record<number, number>> = { [TYPE.datagram]: 2, [TYPE.stream]: 1 };
/** What WasmEdge adds to preview1's errno values. */
const ERRNO = {
  badFlags: 79,
  again: 78,
  family: 81,
  memory: 82,
  noData: 83,
  noName: 84,
  service: 85,
} as const;
const ERRNO_OF_FAILURE: Readonly<Record<LookupFailure, number>> = {
  'unknown-name': ERRNO.noName,
  'no-address': ERRNO.noData,
  'try-again': ERRNO.again,
};
/** The services programs ask for by name (IANA); reading /etc/services would be the host's list, not the guest's. */
const SERVICES: Readonly<Record<string, number>> = {
  domain: 53,
  ftp: 21,
  http: 80,
  https: 443,
  imap: 143,
  ldap: 389,
  postgresql: 5432,
  smtp: 25,
  ssh: 22,
};
const MAX_PORT = 65_535;

interface Hints {
  readonly flags: number;
  readonly families: readonly IpFamily[];
  readonly types: readonly number[];
}

const readHints = (memory: GuestMemory, at: number): Hints | number => {
  const flags = memory.view.getUint16(at + INFO.flags, true);
  const family = memory.view.getUint8(at + INFO.family);
  const type = memory.view.getUint8(at + INFO.type);
  if ((flags & ~FLAG.all) !== 0) return -ERRNO.badFlags;
  if (type > TYPE.stream || memory.view.getUint8(at + INFO.protocol) > PROTOCOL[TYPE.datagram]!) {
    return -WASI.ENOSYS;
  }
  const types = type === TYPE.any ? [TYPE.stream, TYPE.datagram] : [type];
  if (family === FAMILY.unspecified) return { flags, families: [4, 6], types };
  if (family === FAMILY.inet4) return { flags, families: [4], types };
  return family === FAMILY.inet6 ? { flags, families: [6], types } : -ERRNO.family;
};

/** A string of the guest; Rust's crate counts the terminating NUL in, C programs do not. */
const readName = (memory: GuestMemory, at: number, length: number): string =>
  memory.text(at, length).replace(/\0.*$/s, '');

const readPort = (service: string, numericOnly: boolean): number => {
  if (service === '') return 0;
  if (/^\d{1,5}$/.test(service) && Number(service) <= MAX_PORT) return Number(service);
  return (numericOnly ? undefined : SERVICES[service]) ?? -ERRNO.service;
};

/** One result: family, type, protocol, and a `sockaddr` without its family: port, (flow,) address, (scope). */
const fillResult = (memory: GuestMemory, at: number, ip: Uint8Array, port: number, type: number): void => {
  const { view } = memory;
  const isV4 = ip.length === 4;
  const data = Buffer.alloc(isV4 ? 14 : 26);
  data.writeUInt16BE(port, 0);
  data.set(ip, isV4 ? 2 : 6);
  view.setUint16(at + INFO.flags, 0, true);
  view.setUint8(at + INFO.family, isV4 ? FAMILY.inet4 : FAMILY.inet6);
  view.setUint8(at + INFO.type, type);
  view.setUint8(at + INFO.protocol, PROTOCOL[type]!);
  // sizeof(struct sockaddr_in), sizeof(struct sockaddr_in6)
  view.setUint32(at + INFO.addressLength, isV4 ? 16 : 28, true);
  const sockaddr = view.getUint32(at + INFO.address, true);
  view.setUint8(sockaddr + SOCKADDR.family, isV4 ? FAMILY.inet4 : FAMILY.inet6);
  view.setUint32(sockaddr + SOCKADDR.length, data.length, true);
  memory.slice(view.getUint32(sockaddr + SOCKADDR.data, true), data.length).set(data);
};

/** Writes the canonical name as far as the guest has room for it, and its length without the NUL. */
const fillCanonicalName = (memory: GuestMemory, at: number, name: string): void => {
  const { view } = memory;
  const room = view.getUint32(at + INFO.nameLength, true);
  const bytes = Buffer.from(`${name}\0`).subarray(0, room);
  memory.slice(view.getUint32(at + INFO.name, true), bytes.length).set(bytes);
  view.setUint32(at + INFO.nameLength, Math.max(0, Math.min(room, name.length)), true);
};

/** Addresses for "no node": any address of this machine to listen on, or itself to connect to. */
const OWN_ADDRESSES = {
  passive: { 4: '0.0.0.0', 6: '::' },
  active: { 4: '127.0.0.1', 6: '::1' },
} as const;

const lookUpNode = (broker: Broker, node: string, hints: Hints): readonly Uint8Array[] | number => {
  if (node === '') {
    const own = OWN_ADDRESSES[(hints.flags & FLAG.passive) === 0 ? 'active' : 'passive'];
    return hints.families.map((family) => numericAddress(own[family])!);
  }
  if ((hints.flags & FLAG.numericHost) !== 0 && numericAddress(node) === undefined) return -ERRNO.noName;
  const found = lookUp(broker, node, hints.families);
  return typeof found === 'string' ? -ERRNO_OF_FAILURE[found] : found;
};

export const addressInfoFunction = ({ memory, services: { broker } }: GuestContext): HostFunctions => {
  const fill = (
    results: readonly [Uint8Array, number][],
    firstAt: number,
    port: number,
    name: string,
  ): number => {
    let at = memory.view.getUint32(firstAt, true);
    for (const [index, [ip, type]] of results.entries()) {
      fillResult(memory, at, ip, port, type);
      if (index === 0 && name !== '') fillCanonicalName(memory, at, name);
      else memory.view.setUint32(at + INFO.nameLength, 0, true);
      at = memory.view.getUint32(at + INFO.next, true);
    }
    return results.length;
  };
  return {
    sock_getaddrinfo(
      nodeAt: number,
      nodeLength: number,
      serviceAt: number,
      serviceLength: number,
      hintsAt: number,
      resultsAt: number,
      max: number,
      countAt: number,
    ) {
      const node = readName(memory, nodeAt, nodeLength);
      const service = readName(memory, serviceAt, serviceLength);
      if (node === '' && service === '') return ERRNO.noName;
      if (max < 1) return ERRNO.memory;
      const hints = readHints(memory, hintsAt);
      if (typeof hints === 'number') return -hints;
      const port = readPort(service, (hints.flags & FLAG.numericService) !== 0);
      if (port < 0) return -port;
      const ips = lookUpNode(broker, node, hints);
      if (typeof ips === 'number') return -ips;
      const results = ips.flatMap((ip) => hints.types.map((type): [Uint8Array, number] => [ip, type]));
      const name = (hints.flags & FLAG.canonicalName) === 0 ? '' : node;
      memory.view.setUint32(countAt, fill(results.slice(0, max), resultsAt, port, name), true);
      return WASI.SUCCESS;
    },
  };
};
