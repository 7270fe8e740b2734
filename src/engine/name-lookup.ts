/**
 * Host names to addresses. Not glibc's getaddrinfo: that would ask helpers outside the sandbox (nscd,
 * systemd-resolved) through Unix sockets, and could not be interrupted by a stop order. This asks the name
 * servers of resolv.conf itself, from inside the namespace, and waits like every other guest call.
 */
import { readFileSync } from 'node:fs';
import { libc as library } from '../os/libc.ts';
import { CLOCK } from './clock.ts';
import { decodeAnswer, encodeQuery, isQueryableName } from './dns-message.ts';
import type { DnsAnswer } from './dns-message.ts';
import * as libc from './libc.ts';
import { POLLIN } from './poll.ts';
import type { Poller } from './poll.ts';
import { AF_INET, AF_INET6, SockaddrBuffer } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockets.ts';
import { randomUint16 } from './random.ts';

const inetPton: (family: number, text: string, ip: Buffer) => number = library.func(
  'int inet_pton(int, const char *, void *)',
);
const timerfdCreate: (clock: number, flags: number) => number = library.func('int timerfd_create(int, int)');
const timerfdSettime: (fd: number, flags: number, time: BigInt64Array, old: null) => number = library.func(
  'int timerfd_settime(int, int, void *, void *)',
);
/** sys/timerfd.h: the values of O_CLOEXEC and O_NONBLOCK. */
const TFD_FLAGS = 0o2000000 | 0o4000;

const RESOLV_CONF = '/etc/resolv.conf';
const DNS_PORT = 53;
/** resolv.conf(5): servers beyond the third are ignored. */
const MAX_SERVERS = 3;
/** Rounds through the servers, and patience with each, in ms; glibc waits 5 s, which nobody waits for. */
const ROUNDS = 2;
const TIMEOUT = 2000;
/** RFC 1035 section 2.3.4 says 512 bytes without extensions; some servers send more. */
const MAX_ANSWER = 4096;
const LOOPBACK: Readonly<Record<4 | 6, Uint8Array>> = {
  4: Uint8Array.of(127, 0, 0, 1),
  6: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};

export type IpFamily = 4 | 6;

/** Why there is no address: the name does not exist, has no address of that family, or nobody answered. */
export type LookupFailure = 'unknown-name' | 'no-address' | 'try-again';

/** The bytes of a numeric IPv4 or IPv6 address, undefined for anything else (inet_pton(3)). */
export const numericAddress = (text: string): Uint8Array | undefined => {
  if (text.includes('\0')) return undefined;
  const ip = Buffer.alloc(16);
  if (inetPton(AF_INET, text, ip) === 1) return Uint8Array.from(ip.subarray(0, 4));
  return inetPton(AF_INET6, text, ip) === 1 ? Uint8Array.from(ip) : undefined;
};

/** The servers a resolv.conf(5) names; this machine's own where it names none. */
export const readNameServers = (resolvConf: string): readonly SocketAddress[] => {
  const servers = resolvConf.split('\n').flatMap((line) => {
    const ip = numericAddress(/^\s*nameserver\s+([^\s#;%]+)/.exec(line)?.[1] ?? '');
    return ip === undefined ? [] : [{ ip, port: DNS_PORT }];
  });
  return servers.length === 0 ? [{ ip: LOOPBACK[4], port: DNS_PORT }] : servers.slice(0, MAX_SERVERS);
};

const systemNameServers = (): readonly SocketAddress[] => {
  try {
    return readNameServers(readFileSync(RESOLV_CONF, 'utf8'));
  } catch {
    return readNameServers('');
  }
};

const familyOf = (ip: Uint8Array): IpFamily => (ip.length === 4 ? 4 : 6);

export class NameLookup {
  readonly #poller: Poller;
  #servers: readonly SocketAddress[] | undefined;

  /** `servers`: who to ask; read from resolv.conf at the first lookup if absent. */
  constructor(poller: Poller, servers?: readonly SocketAddress[]) {
    this.#poller = poller;
    this.#servers = servers;
  }

  /** The addresses of a host, numeric or by name, in the order of `families`. */
  lookup(host: string, families: readonly IpFamily[]): readonly Uint8Array[] | LookupFailure {
    const ip = numericAddress(host);
    if (ip !== undefined) return families.includes(familyOf(ip)) ? [ip] : 'no-address';
    const name = host.replace(/\.$/, '').toLowerCase();
    // RFC 6761 section 6.3: localhost is never asked for.
    if (name === 'localhost' || name.endsWith('.localhost'))
      return families.map((family) => LOOPBACK[family]);
    return isQueryableName(name) ? this.#askForAll(name, families) : 'unknown-name';
  }

  #askForAll(name: string, families: readonly IpFamily[]): readonly Uint8Array[] | LookupFailure {
    const found: Uint8Array[] = [];
    let exists = false;
    for (const family of families) {
      const answer = this.#askServers(name, family);
      if (answer === 'server-failed') return found.length > 0 ? found : 'try-again';
      exists ||= answer.exists;
      found.push(...answer.ips);
    }
    if (found.length > 0) return found;
    return exists ? 'no-address' : 'unknown-name';
  }

  #askServers(name: string, family: IpFamily): DnsAnswer {
    this.#servers ??= systemNameServers();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const server of this.#servers) {
        const answer = this.#ask(server, encodeQuery(randomUint16(), name, family));
        if (answer !== 'server-failed') return answer;
      }
    }
    return 'server-failed';
  }

  /** One query to one server. A fresh socket each time: a random source port makes answers hard to forge. */
  #ask(server: SocketAddress, query: Buffer): DnsAnswer {
    const { bytes, length } = new SockaddrBuffer().set(server);
    const family = server.ip.length === 4 ? AF_INET : AF_INET6;
    const socket = libc.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) return 'server-failed';
    const timer = startTimer(TIMEOUT);
    try {
      // Connected, so that only this server's datagrams and refusals arrive.
      if (libc.connect(socket, bytes, length[0]!) < 0) return 'server-failed';
      if (libc.send(socket, Number(libc.addressOf(query)), query.length, 0) < 0) return 'server-failed';
      return this.#receive(socket, timer, query);
    } finally {
      libc.close(socket);
      libc.close(timer);
    }
  }

  #receive(socket: number, timer: number, query: Buffer): DnsAnswer {
    const buffer = Buffer.alloc(MAX_ANSWER);
    const address = Number(libc.addressOf(buffer));
    const deadline = performance.now() + TIMEOUT;
    for (;;) {
      this.#poller.wait([socket, timer], POLLIN);
      const length = libc.recv(socket, address, buffer.length, 0);
      const answer = length < 0 ? undefined : decodeAnswer(buffer.subarray(0, length), query);
      if (answer !== undefined) return answer;
      // A refusal (ICMP) comes as a failed recv before the time is over: the next server may do.
      if (length < 0 || performance.now() >= deadline) return 'server-failed';
    }
  }
}

/** A timerfd(2) that becomes readable after `duration` ms: a deadline for the poller's wait. */
const startTimer = (duration: number): number => {
  const timer = timerfdCreate(CLOCK.monotonic, TFD_FLAGS);
  // struct itimerspec: interval, then first expiry; seconds and nanoseconds each.
  const time = BigInt64Array.of(
    0n,
    0n,
    BigInt(Math.floor(duration / 1000)),
    BigInt((duration % 1000) * 1_000_000),
  );
  timerfdSettime(timer, 0, time, null);
  return timer;
};
