/**
 * Reads from listings of a whole rule set what happens to packets that come in or go through: the chains the
 * kernel calls itself, whether they refuse what no rule accepts, and for which ports a rule does.
 */
import type { Protocol } from '../os/socket.ts';
import { chainOf, readSavedTables, type SavedTable, says } from './firewalls/iptables-listing.ts';

/** Packets for this host, or for another one that go through it. */
export type Hook = 'input' | 'forward';

/** Both ends included. */
export interface PortRange {
  readonly protocol: Protocol;
  readonly first: number;
  readonly last: number;
}

/** Where `iptables` means the kind over nftables, rules of the other kind may still be there. */
export type IptablesCommand = 'iptables' | 'iptables-legacy';

/** A chain the kernel calls itself. */
export interface BaseChain {
  /** The command that changes its rules. */
  readonly command: 'nft' | IptablesCommand;
  /** `inet filter`; of iptables just `filter`. */
  readonly table: string;
  readonly name: string;
  readonly hook: Hook;
  /** It refuses what no rule accepts, by its policy or by its last rule. */
  readonly isClosed: boolean;
  /** Ports that rules of its table accept, under whatever further conditions but that of being multicast. */
  readonly acceptedPorts: readonly PortRange[];
  /** Names of all chains of its table: they tell whose it is. */
  readonly siblings: ReadonlySet<string>;
}

/** What `nft -j list ruleset` prints (libnftables-json(5)), as far as it matters here. */
interface NftObject {
  readonly chain?: NftChain;
  readonly rule?: NftRule;
}

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly Readonly<Record<string, unknown>>[];
}

interface NftMatch {
  readonly op?: string;
  readonly left?: { readonly payload?: { readonly protocol?: string; readonly field?: string } };
  readonly right?: unknown;
}

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp'];

/** IPv4 addresses of groups (RFC 5771): every desktop lets mDNS in, which opens nothing to one's own address. */
const MULTICAST = /^2(2[4-9]|3\d)\./;

/** Statements that decide nothing. */
const BYSTANDERS: ReadonlySet<string> = new Set(['counter', 'log', 'limit', 'comment']);

/** Chains of IPv4 and of both families; sandboxes have no IPv6. */
export const readNftBaseChains = (json: string): BaseChain[] => {
  const { nftables } = JSON.parse(json) as { readonly nftables: readonly NftObject[] };
  const chains = nftables.flatMap(({ chain }) => chain ?? []);
  const rules = nftables.flatMap(({ rule }) => rule ?? []);
  return chains.flatMap((chain) => {
    const { family, table, name, hook, policy } = chain;
    if ((hook !== 'input' && hook !== 'forward') || (family !== 'ip' && family !== 'inet')) return [];
    const isSibling = (other: { family: string; table: string }): boolean =>
      other.family === family && other.table === table;
    const own = rules.filter((rule) => isSibling(rule) && rule.chain === name);
    return {
      command: 'nft',
      table: `${family} ${table}`,
      name,
      hook,
      isClosed: policy === 'drop' || refusesAll(own.at(-1)),
      acceptedPorts: rules.filter(isSibling).flatMap(portsAcceptedBy),
      siblings: new Set(chains.filter(isSibling).map((sibling) => sibling.name)),
    };
  });
};

/** `drop` or `reject` without any condition. */
const refusesAll = (rule: NftRule | undefined): boolean => {
  const statements = (rule?.expr ?? []).flatMap((statement) => Object.keys(statement));
  const [verdict, ...others] = statements.filter((statement) => !BYSTANDERS.has(statement));
  return others.length === 0 && (verdict === 'drop' || verdict === 'reject');
};

const portsAcceptedBy = ({ expr }: NftRule): PortRange[] => {
  if (!expr.some((statement) => 'accept' in statement)) return [];
  const matches = expr.map((statement) => (statement['match'] ?? {}) as NftMatch);
  if (matches.some(isMulticast)) return [];
  return matches.flatMap(({ op, left, right }) => {
    const { protocol: header, field } = left?.payload ?? {};
    if (field !== 'dport' || (op !== '==' && op !== 'in')) return [];
    // `th` is the header of either: what tells them apart is another condition.
    return PROTOCOLS.filter((protocol) => header === protocol || header === 'th').flatMap((protocol) =>
      readPorts(right).map((range) => ({ protocol, ...range })),
    );
  });
};

const isMulticast = ({ left, right }: NftMatch): boolean =>
  left?.payload?.field === 'daddr' && typeof right === 'string' && MULTICAST.test(right);

/** A port, `{ range: [1, 2] }`, or `{ set: […] }` of these. */
const readPorts = (value: unknown): Omit<PortRange, 'protocol'>[] => {
  if (typeof value === 'number') return [{ first: value, last: value }];
  if (typeof value !== 'object' || value === null) return [];
  const { range, set } = value as { range?: unknown; set?: unknown };
  if (Array.isArray(set)) return set.flatMap(readPorts);
  const [first, last] = Array.isArray(range) ? (range as unknown[]) : [];
  return typeof first === 'number' && typeof last === 'number' ? [{ first, last }] : [];
};

/** Names the kernel gives the chains of iptables. */
const HOOKS: ReadonlyMap<string, Hook> = new Map([
  ['INPUT', 'input'],
  ['FORWARD', 'forward'],
]);

/** @param save - what iptables-save(8) of a kind prints */
export const readIptablesBaseChains = (command: IptablesCommand, save: string): BaseChain[] =>
  [...readSavedTables(save)].flatMap(([table, saved]) =>
    [...HOOKS].flatMap(([name, hook]) => {
      const policy = saved.policies.get(name);
      if (policy === undefined) return [];
      const last = saved.rules.findLast((rule) => chainOf(rule) === name);
      return {
        command,
        table,
        name,
        hook,
        isClosed: policy === 'DROP' || /^-A \S+ -j (DROP|REJECT)\b/.test(last ?? ''),
        acceptedPorts: portsAcceptedIn(saved),
        siblings: new Set([...saved.policies.keys(), ...saved.chains]),
      };
    }),
  );

const portsAcceptedIn = ({ rules }: SavedTable): PortRange[] =>
  PROTOCOLS.flatMap((protocol) =>
    rules
      .filter((rule) => says(rule, `-p ${protocol}`, '-j ACCEPT'))
      .filter((rule) => !MULTICAST.test(/ -d (\S+)/.exec(rule)?.[1] ?? ''))
      .flatMap((rule) => / --dports? (\S+)/.exec(rule)?.[1]?.split(',') ?? [])
      .map((range) => {
        const [first, last = first] = range.split(':').map(Number);
        return { protocol, first: first ?? 0, last: last ?? 0 };
      }),
  );
