/**
 * What a sandbox may connect to outside itself: nothing, unless the user says so. The supervisor asks here
 * before it opens a connection for a guest (see sandbox/outbound.ts), so no rule can be got around inside.
 */
import { BlockList, SocketAddress, isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { WasmrunError } from '../errors.ts';

/** `none` refuses all, `allow-list` all but what a rule names, `all` only what no outsider should reach. */
export type OutboundMode = 'none' | 'allow-list' | 'all';

/** One permission: a network or a name, and a port. */
export interface EgressRule {
  /** The rule as it was written. */
  readonly text: string;
  /** For rules by name: in lower case; `*.` in front stands for one or more labels. */
  readonly name?: string;
  /** For rules by address. */
  readonly network?: { readonly address: string; readonly prefix: number };
  /** 1–65535; absent: any. */
  readonly port?: number;
}

const MAX_PORT = 65_535;
/** RFC 1035 §2.3.4 */
const MAX_NAME = 253;
/** RFC 1123 §2.1, with the wildcard of ours in front; the last label is not a number. */
const NAME = /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const HINT =
  'write ADDRESS[/PREFIX][:PORT] or NAME[:PORT], such as 203.0.113.0/24:443, example.org:443 or [2001:db8::1]:443';

/**
 * Reads one rule: `1.2.3.0/24:443`, `1.2.3.4`, `[2001:db8::/32]:443`, `example.org:443`, `*.example.org`.
 * @throws {WasmrunError} EGRESS_INVALID
 */
export const parseEgressRule = (text: string): EgressRule => {
  const invalid = (reason: string): WasmrunError =>
    new WasmrunError('EGRESS_INVALID', `outbound rule "${text}": ${reason}`, { hint: HINT });
  const { host, portText } = splitRule(text.trim());
  if (host === '') throw invalid('it names no address and no host');
  const port = portText === undefined ? {} : { port: parsePort(portText, invalid) };
  const [address = '', prefixText, ...rest] = host.split('/');
  const family = isIP(address);
  if (family === 0) return { text, name: parseName(host, invalid), ...port };
  const bits = family === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  const isPrefix = prefixText === undefined || /^\d{1,3}$/.test(prefixText);
  if (!isPrefix || prefix > bits || rest.length > 0) {
    throw invalid(`"/${[prefixText, ...rest].join('/')}" is not a prefix length from 0 to ${bits}`);
  }
  if (address.includes('%')) throw invalid('an address with a zone is none that can be allowed');
  return { text, network: { address, prefix }, ...port };
};

/** `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT`, or a bare IPv6 address or network. */
const splitRule = (text: string): { host: string; portText?: string } => {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  const [, host = '', portText] = bracketed ?? /^([^:]*)(?::([^:]*))?$/.exec(text) ?? [text, text];
  return portText === undefined ? { host } : { host, portText };
};

const parsePort = (text: string, invalid: (reason: string) => WasmrunError): number => {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= MAX_PORT) return port;
  throw invalid(`port "${text}" is not a number from 1 to ${MAX_PORT}`);
};

const parseName = (host: string, invalid: (reason: string) => WasmrunError): string => {
  const name = plainName(host);
  if (NAME.test(name) && name.length <= MAX_NAME) return name;
  throw invalid(`"${host}" is neither an address nor a host name`);
};

/** Ranges that are reached only when a rule names an address in them (IANA special-purpose registries). */
const SPECIAL_NETWORKS: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
  ['::', 96],
  // Prefixes that carry an IPv4 address inside: NAT64, 6to4, Teredo.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

/** How long what a lookup answered counts as that name, in ms, once a later lookup answers otherwise. */
const LEARNED_MS = 300_000;

export type EgressDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: string };

/** What the user says about outbound connections. */
export interface OutboundRules {
  readonly mode: OutboundMode;
  readonly rules: readonly EgressRule[];
}

export interface EgressPolicyOptions extends OutboundRules {
  /** The addresses this machine has now: reached only where a rule names one, never through `all`. */
  readonly hostAddresses: () => readonly string[];
}

/** Decides by address, and by the names whose lookup led to it. */
export class EgressPolicy {
  readonly #mode: OutboundMode;
  readonly #rules: readonly (EgressRule & { readonly addresses?: BlockList })[];
  readonly #hostAddresses: () => readonly string[];
  readonly #special = new BlockList();
  /** By address: the names whose lookup gave it, and until when that counts (performance.now()). */
  readonly #names = new Map<string, Map<string, number>>();

  constructor({ mode, rules, hostAddresses }: EgressPolicyOptions) {
    this.#mode = mode;
    this.#hostAddresses = hostAddresses;
    this.#rules = rules.map((rule) => {
      if (rule.network === undefined) return rule;
      const addresses = new BlockList();
      addresses.addSubnet(rule.network.address, rule.network.prefix, familyOf(rule.network.address));
      return { ...rule, addresses };
    });
    for (const [address, prefix] of SPECIAL_NETWORKS)
      this.#special.addSubnet(address, prefix, familyOf(address));
  }

  /** May this name be looked up? Names are a way out, too: what is asked for reaches a name server. */
  decideName(name: string): EgressDecision {
    if (this.#mode === 'all') return { allowed: true };
    const isNamed = this.#rules.some(
      (rule) => rule.name !== undefined && matches(rule.name, plainName(name)),
    );
    return this.#mode === 'allow-list' && isNamed ? { allowed: true } : this.#refusal();
  }

  /** Names that rules with this port spell out, without wildcards: worth looking up before refusing. */
  namesFor(port: number): readonly string[] {
    if (this.#mode !== 'allow-list') return [];
    return this.#rules.flatMap(({ name, port: only }) =>
      name === undefined || name.startsWith('*.') || (only ?? port) !== port ? [] : name,
    );
  }

  /** Remembers what a lookup answered: rules by this name hold for these addresses. */
  learn(name: string, addresses: readonly string[]): void {
    const now = performance.now();
    for (const address of addresses) {
      const names = this.#names.get(address) ?? new Map<string, number>();
      names.set(plainName(name), now + LEARNED_MS);
      this.#names.set(address, names);
    }
    for (const [address, names] of this.#names) {
      for (const [known, until] of names) if (until < now) names.delete(known);
      if (names.size === 0) this.#names.delete(address);
    }
  }

  /** May this address and port be connected to? */
  decide(address: string, port: number): EgressDecision {
    if (this.#mode === 'none') return this.#refusal();
    const plain = plainAddress(address);
    const matching = this.#rules.filter((rule) => (rule.port ?? port) === port);
    if (matching.some(({ addresses }) => addresses?.check(plain, familyOf(plain)))) return { allowed: true };
    // Not even by name: names that lead to where outsiders have no business are how DNS rebinding works.
    if (this.#special.check(plain, familyOf(plain))) {
      return { allowed: false, reason: 'it is a private or special address, which a rule must name itself' };
    }
    if (this.#hostAddresses().some((own) => plainAddress(own) === plain)) {
      return { allowed: false, reason: 'it is this machine, which a rule must name by address' };
    }
    if (this.#mode === 'all') return { allowed: true };
    const names = [...(this.#names.get(plain)?.keys() ?? [])];
    const isNamed = matching.some(
      ({ name }) => name !== undefined && names.some((known) => matches(name, known)),
    );
    return isNamed ? { allowed: true } : this.#refusal();
  }

  #refusal(): EgressDecision {
    return {
      allowed: false,
      reason: this.#mode === 'none' ? 'outbound connections are off' : 'no rule allows it',
    };
  }
}

/** All addresses of this machine. */
export const hostAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv6(address) ? 'ipv6' : 'ipv4');

/** In canonical form; `::ffff:1.2.3.4` is 1.2.3.4 by another name (RFC 4291 §2.5.5.2). */
export const plainAddress = (address: string): string => {
  const family = familyOf(address);
  const canonical = new SocketAddress({ address: address.replace(/%.*$/, ''), family }).address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical)?.[1] ?? canonical;
};

/** Names are compared without regard to case or the root's dot (RFC 4343). */
const plainName = (name: string): string => name.toLowerCase().replace(/\.$/, '');

const matches = (pattern: string, name: string): boolean =>
  pattern.startsWith('*.')
    ? name.endsWith(pattern.slice(1)) && name.length >= pattern.length
    : name === pattern;
