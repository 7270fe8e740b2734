/** The filters of nftables, from its listing as JSON (libnftables-json(5)), as far as they can be followed. */
import { BlockList } from 'node:net';
import { allOf, anyOf } from './packet-filter.ts';
import type { FilterChain, FilterHook, FilterRule, Packet, Truth, Verdict } from './packet-filter.ts';

type Json = Readonly<Record<string, unknown>>;

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type?: string;
  readonly hook?: string;
  readonly prio?: number;
  readonly policy?: string;
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Json[];
}

const HOOKS: ReadonlySet<string> = new Set(['prerouting', 'input', 'output', 'postrouting']);
const FAMILIES: ReadonlyMap<string, FilterChain['families']> = new Map([
  ['ip', [4]],
  ['ip6', [6]],
  ['inet', [4, 6]],
]);
/** Statements that neither decide nor ask. */
const BYSTANDERS: ReadonlySet<string> = new Set(['counter', 'log', 'comment', 'mangle', 'notrack']);

/** The chains that filter packets of this host. Tables of iptables look otherwise than they are. */
export const readNftFilters = (json: string): FilterChain[] => {
  const { nftables } = JSON.parse(json) as {
    readonly nftables: readonly { readonly chain?: NftChain; readonly rule?: NftRule }[];
  };
  const chains = nftables.flatMap(({ chain }) => chain ?? []);
  const rules = Map.groupBy(
    nftables.flatMap(({ rule }) => rule ?? []),
    ({ family, table }) => `${family} ${table}`,
  );
  return chains.flatMap(({ family, table, name, type, hook = '', prio = 0, policy }) => {
    const families = FAMILIES.get(family);
    if (type !== 'filter' || !HOOKS.has(hook) || families === undefined) return [];
    const own = rules.get(`${family} ${table}`) ?? [];
    const siblings = new Map(
      [...Map.groupBy(own, ({ chain }) => chain)].map(([chain, list]) => [
        chain,
        list.map(({ expr }) => new NftFilterRule(expr)),
      ]),
    );
    return {
      command: 'nft',
      table: `${family} ${table}`,
      name,
      hook: hook as FilterHook,
      families,
      priority: prio,
      rules: siblings.get(name) ?? [],
      dropsRest: policy === 'drop',
      siblings,
    };
  });
};

class NftFilterRule implements FilterRule {
  readonly #statements: readonly (readonly [name: string, value: unknown])[];

  constructor(expr: readonly Json[]) {
    this.#statements = expr
      .flatMap((statement) => Object.entries(statement))
      .filter(([name]) => !BYSTANDERS.has(name));
  }

  matches(packet: Packet): Truth {
    return allOf(
      this.#statements.map(([name, value]): Truth => {
        if (name === 'match') return matchTruth(value as Json, packet);
        const isKnown =
          name === 'vmap'
            ? valueOf((value as Json)['key'], packet) !== undefined
            : verdictOf(name, value) !== undefined;
        return isKnown ? true : undefined;
      }),
    );
  }

  verdict(packet: Packet): Verdict | undefined {
    for (const [name, value] of this.#statements) {
      const verdict = name === 'vmap' ? mappedVerdict(value as Json, packet) : verdictOf(name, value);
      if (verdict !== undefined) return verdict;
      // It may be one that lets the packet go.
      if (name !== 'match' && name !== 'vmap' && name !== 'limit') return { kind: 'accept' };
    }
    return undefined;
  }
}

const verdictOf = (name: string, value: unknown): Verdict | undefined => {
  if (name === 'accept' || name === 'return') return { kind: name };
  if (name === 'drop' || name === 'reject') return { kind: 'drop' };
  if (name !== 'jump' && name !== 'goto') return undefined;
  return { kind: name, chain: String((value as Json)['target']) };
};

/** `ct state vmap { established : accept, invalid : drop }`; where the value is not known, a way out. */
const mappedVerdict = ({ key, data }: Json, packet: Packet): Verdict | undefined => {
  const value = valueOf(key, packet);
  const pairs = (data as Json | undefined)?.['set'];
  if (value === undefined || !Array.isArray(pairs)) return { kind: 'accept' };
  for (const [wanted, verdict] of pairs as readonly (readonly [unknown, Json])[]) {
    if (contains(wanted, value) !== true) continue;
    const [name = '', target] = Object.entries(verdict)[0] ?? [];
    return verdictOf(name, target);
  }
  return undefined;
};

const matchTruth = ({ op, left, right }: Json, packet: Packet): Truth => {
  const value = valueOf(left, packet);
  if (value === undefined) return undefined;
  // A field of another protocol is not equal, and not unequal either.
  if (value === NOTHING) return false;
  const isIn = contains(right, value);
  if (op === '==' || op === 'in') return isIn;
  return op === '!=' && isIn !== undefined ? !isIn : undefined;
};

const NOTHING = Symbol('the packet has no such field');

/** What a rule asks about; undefined where that is not known. */
const valueOf = (left: unknown, packet: Packet): string | number | typeof NOTHING | undefined => {
  const { meta, payload, ct } = (left ?? {}) as Record<string, Json | undefined>;
  if (ct !== undefined) return ct['key'] === 'state' ? packet.state : undefined;
  if (meta !== undefined) return metaValue(String(meta['key']), packet);
  if (payload === undefined) return undefined;
  const { protocol, field } = payload as { protocol?: string; field?: string };
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (packet.family === 4)) return NOTHING;
    return field === 'saddr' ? packet.source : field === 'daddr' ? packet.destination : undefined;
  }
  if (protocol === 'tcp' || protocol === 'udp') {
    if (protocol !== packet.protocol) return NOTHING;
  } else if (protocol !== 'th') return undefined;
  return field === 'sport' ? packet.sourcePort : field === 'dport' ? packet.destinationPort : undefined;
};

const metaValue = (key: string, packet: Packet): string | undefined => {
  if (key === 'l4proto') return packet.protocol;
  if (key === 'nfproto') return `ipv${packet.family}`;
  if (key === 'iifname' || key === 'iif') return packet.input;
  return key === 'oifname' || key === 'oif' ? packet.output : undefined;
};

/** Is the value the one on the right, or one of those there? */
const contains = (right: unknown, value: string | number | symbol): Truth => {
  if (Array.isArray(right)) return anyOf(right.map((each) => contains(each, value)));
  if (typeof right === 'number') return right === value;
  if (typeof right === 'string') {
    // A named set.
    if (right.startsWith('@')) return undefined;
    if (right.endsWith('*')) return String(value).startsWith(right.slice(0, -1));
    return right === String(value);
  }
  const { set, range, prefix } = (right ?? {}) as { set?: unknown; range?: unknown; prefix?: unknown };
  if (set !== undefined) return contains(set, value);
  if (Array.isArray(range)) return isInRange(range as unknown[], value);
  const { addr, len } = (prefix ?? {}) as { addr?: unknown; len?: unknown };
  if (typeof addr !== 'string' || typeof len !== 'number') return undefined;
  const network = new BlockList();
  const family = addr.includes(':') ? 'ipv6' : 'ipv4';
  network.addSubnet(addr, len, family);
  return network.check(String(value), family);
};

const isInRange = ([first, last]: readonly unknown[], value: string | number | symbol): Truth => {
  if (typeof first === 'number' && typeof last === 'number' && typeof value === 'number')
    return first <= value && value <= last;
  if (typeof first !== 'string' || typeof last !== 'string' || typeof value !== 'string') return undefined;
  const family = first.includes(':') ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addRange(first, last, family);
  return list.check(value, family);
};
