/** Addresses of names (getaddrinfo(3)), and names of addresses as numbers. */
import { isIP } from 'node:net';
import { startLookUp } from '../../../../src/engine/name-lookup.ts';
import type { EngineServices } from '../../../../src/engine/driver.ts';
import { AF_INET, SockaddrBuffer, formatIp } from '../../../../src/engine/socket-address.ts';
import type { InterpreterExports } from '../interpreter-exports.ts';
import { zeroTerminated } from '../../../../src/engine/emscripten/calls.ts';
import type { CallContext, WaitingCall } from './calls.ts';
import { hostName } from './process.ts';
import { readAddress } from './socket-addresses.ts';

/** netdb.h of musl */
const EAI = { NONAME: -2, AGAIN: -3, FAMILY: -6, SERVICE: -8, MEMORY: -10, OVERFLOW: -12 } as const;
const AI_PASSIVE = 1;
const AI_NUMERICHOST = 4;
const AI_NUMERICSERV = 0x400;
const NI_NUMERICSERV = 2;
const NI_NAMEREQD = 8;
const AF_UNSPEC = 0;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** IPPROTO_TCP and IPPROTO_UDP, by type. */
const PROTOCOLS: Readonly<Record<number, number>> = { [SOCK_STREAM]: 6, [SOCK_DGRAM]: 17 };
/** struct addrinfo and a socket address, in bytes. */
const INFO_SIZE = 32;
const ADDRESS_SIZE = 28;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const ANY = new Uint8Array(4);
/** Services that programs name, by their names at IANA, and their ports: those of services(5) are not in a sandbox. */
const SERVICES: ReadonlyMap<string, number> = new Map([
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['http', 80],
  ['pop3', 110],
  ['ntp', 123],
  ['imap2', 143],
  ['ldap', 389],
  ['https', 443],
  ['syslog', 514],
  ['submission', 587],
  ['ldaps', 636],
  ['imaps', 993],
  ['pop3s', 995],
  ['mqtt', 1883],
  ['mysql', 3306],
  ['postgresql', 5432],
  ['amqp', 5672],
  ['redis', 6379],
]);
const SERVICE_NAMES: ReadonlyMap<number, string> = new Map([...SERVICES].map(([name, port]) => [port, name]));
/** Protocols by their names at IANA (protocols(5)). */
const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['ip', 0],
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
]);
/** struct protoent (netdb.h): addresses of its name and of other names, and its number; in bytes. */
const PROTOCOL_SIZE = 12;
/** The interpreter was built without IPv6. */
const IPV4 = [4] as const;

export const nameCalls = (
  { memory, threads }: CallContext,
  { broker, env }: EngineServices,
  exports: () => InterpreterExports,
): Record<string, WaitingCall> => {
  const scratch = new SockaddrBuffer();
  let protocol = 0;
  /** A list of addresses in the guest's memory. */
  const writeList = (
    ips: readonly Uint8Array[],
    { port, types, result }: { port: number; types: readonly number[]; result: number },
  ): number => {
    const { malloc } = exports();
    let previous = result;
    for (const ip of ips) {
      for (const type of types) {
        const info = malloc(INFO_SIZE);
        const address = malloc(ADDRESS_SIZE);
        memory.refresh();
        if (info === 0 || address === 0) return EAI.MEMORY;
        const { bytes, length } = scratch.set({ ip, port });
        memory.slice(address, ADDRESS_SIZE).set(bytes);
        const words = [0, AF_INET, type, PROTOCOLS[type]!, length[0]!, address, 0, 0];
        for (const [index, word] of words.entries()) memory.view.setInt32(info + 4 * index, word, true);
        memory.view.setInt32(previous, info, true);
        previous = info + 28;
      }
    }
    return 0;
  };
  return {
    getaddrinfo: (node: number, service: number, hints: number, result: number) => {
      const hint = (index: number): number =>
        hints === 0 ? 0 : memory.view.getInt32(hints + 4 * index, true);
      const [flags, family, type, protocol] = [hint(0), hint(1), hint(2), hint(3)];
      if (family !== AF_UNSPEC && family !== AF_INET) return EAI.FAMILY;
      const text = service === 0 ? '0' : zeroTerminated(memory, service).toString();
      const isName = !/^\d+$/.test(text);
      if (isName && (flags & AI_NUMERICSERV) !== 0) return EAI.NONAME;
      const port = isName ? SERVICES.get(text) : Number(text);
      if (port === undefined) return EAI.SERVICE;
      const types = [SOCK_STREAM, SOCK_DGRAM].filter(
        (each) => (type === 0 || type === each) && (protocol === 0 || protocol === PROTOCOLS[each]),
      );
      if (types.length === 0) return EAI.SERVICE;
      const request = { port, types, result };
      if (node === 0) return writeList([(flags & AI_PASSIVE) === 0 ? LOOPBACK : ANY], request);
      const name = zeroTerminated(memory, node).toString();
      if ((flags & AI_NUMERICHOST) !== 0 && isIP(name) === 0) return EAI.NONAME;
      return threads.suspend<number>((resume) =>
        startLookUp(broker, name === hostName(env) ? 'localhost' : name, IPV4, (found) => {
          memory.refresh();
          if (typeof found !== 'string') resume(writeList(found, request));
          else resume(found === 'try-again' ? EAI.AGAIN : EAI.NONAME);
        }),
      );
    },
    getnameinfo: (
      address: number,
      length: number,
      host: number,
      hostSize: number,
      service: number,
      serviceSize: number,
      flags: number,
    ) => {
      if ((flags & NI_NAMEREQD) !== 0) return EAI.NONAME;
      const { ip, port } = readAddress(memory, address, length);
      const put = (at: number, size: number, text: string): boolean => {
        if (at === 0 || size === 0) return true;
        if (text.length >= size) return false;
        memory.slice(at, size).set(Buffer.from(`${text}\0`));
        return true;
      };
      const name = (flags & NI_NUMERICSERV) === 0 ? SERVICE_NAMES.get(port) : undefined;
      const isPut = put(host, hostSize, formatIp(ip)) && put(service, serviceSize, name ?? String(port));
      return isPut ? 0 : EAI.OVERFLOW;
    },
    getprotobyname: (name: number) => {
      const number = PROTOCOL_NUMBERS.get(zeroTerminated(memory, name).toString());
      if (number === undefined) return 0;
      // One for all calls, as in the C library. Python looks at the number alone.
      protocol ||= exports().malloc(PROTOCOL_SIZE);
      memory.refresh();
      if (protocol === 0) return 0;
      memory.slice(protocol, PROTOCOL_SIZE).fill(0);
      memory.view.setInt32(protocol + 8, number, true);
      return protocol;
    },
  };
};
