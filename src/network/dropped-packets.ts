/**
 * Finds rules of others that drop what runs through a forward on a loopback address: an `accept` of ours cannot
 * override a `drop` of theirs. Forwards on other addresses are a matter for other-firewalls.ts.
 */
import type { HeldForward } from './transport.ts';
import type { Link } from './namespace.ts';
import { tableName } from './names.ts';
import type { Rulesets } from './other-firewalls.ts';
import { readIptablesFilters } from './packet-filter/iptables-filter.ts';
import { readNftFilters } from './packet-filter/nft-filter.ts';
import { drops, type FilterChain, type FilterHook, type Packet } from './packet-filter/packet-filter.ts';

/** A chain that drops packets of a forward. */
export interface Drop {
  /** For people: `chain output of the nftables table inet filter`. */
  readonly chain: string;
  /** For people: `what goes to 10.231.0.1 port 3000`. */
  readonly what: string;
  /** The command that lets it through. */
  readonly fix: string;
}

export interface ForwardPath {
  readonly forward: HeldForward;
  /** The one of its addresses that is connected to. */
  readonly address: string;
  /** Where the kernel redirects it to; absent where a process of this machine accepts. */
  readonly link: Link | undefined;
  /** Prefix of our own rules. */
  readonly prefix: string;
}

/** Priorities of linux/netfilter_ipv4.h: flows are recognised, then destinations and, later, sources translated. */
const TRACKING = -200;
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;

/** A packet of a forward on its way through a hook. */
interface Passage {
  readonly hook: FilterHook;
  /** At which priorities it looks like that. */
  readonly from: number;
  readonly to: number;
  readonly packet: Packet;
}

/** @param path - of a loopback address */
export const findDrops = (rulesets: Rulesets, path: ForwardPath): Drop[] => {
  const passages = passagesOf(path);
  return filtersOf(rulesets, path.prefix).flatMap((chain) => {
    const dropped = passages.find(
      ({ hook, from, to, packet }) =>
        chain.hook === hook && from <= chain.priority && chain.priority < to && drops(chain, packet),
    );
    return dropped === undefined ? [] : [describe(chain, dropped.packet)];
  });
};

/** Those of others; tables of iptables over nftables are told by iptables-save, which knows what nft cannot spell out. */
const filtersOf = ({ nft, iptables }: Rulesets, prefix: string): FilterChain[] => {
  const saved = (['iptables', 'iptables-legacy'] as const).flatMap((command) =>
    readIptablesFilters(command, iptables[command] ?? ''),
  );
  const isOfIptables = ({ table, name }: FilterChain): boolean =>
    saved.some((chain) => `ip ${chain.table}` === table && chain.name === name);
  const listed = nft === undefined ? [] : readNftFilters(nft);
  const others = listed.filter((chain) => chain.table !== tableName(prefix) && !isOfIptables(chain));
  return [...saved, ...others];
};

const passagesOf = (path: ForwardPath): Passage[] =>
  path.link === undefined ? withinLoopback(path) : intoSandbox(path, path.link);

/** Both ways through `lo`. */
const withinLoopback = ({ forward: { protocol, hostPort }, address }: ForwardPath): Passage[] => {
  const family = address.includes(':') ? 6 : 4;
  const ends = { protocol, family, source: address, destination: address } as const;
  const there: Packet = { ...ends, destinationPort: hostPort };
  const back: Packet = { ...ends, sourcePort: hostPort };
  return [
    ...everywhere('output', { ...there, output: 'lo' }, 'new'),
    ...everywhere('postrouting', { ...there, output: 'lo' }, 'new'),
    ...everywhere('prerouting', { ...there, input: 'lo' }, 'new'),
    ...everywhere('input', { ...there, input: 'lo' }, 'new'),
    ...everywhere('output', { ...back, output: 'lo' }, 'established'),
    ...everywhere('input', { ...back, input: 'lo' }, 'established'),
  ];
};

/** Out by the sandbox's interface, translated, and back. */
const intoSandbox = (
  { forward: { protocol, hostPort, processPort }, address }: ForwardPath,
  { veth, hostAddress, sandboxAddress }: Link,
): Passage[] => {
  const common = { protocol, family: 4 } as const;
  const asked: Packet = { ...common, destination: address, destinationPort: hostPort, output: 'lo' };
  const led: Packet = {
    ...common,
    destination: sandboxAddress,
    destinationPort: processPort,
    output: veth,
    state: 'new',
  };
  const answer: Packet = { ...common, source: sandboxAddress, sourcePort: processPort, input: veth };
  return [
    { hook: 'output', from: -Infinity, to: TRACKING, packet: asked },
    { hook: 'output', from: TRACKING, to: DESTINATION_NAT, packet: { ...asked, state: 'new' } },
    { hook: 'output', from: DESTINATION_NAT, to: Infinity, packet: led },
    { hook: 'postrouting', from: -Infinity, to: SOURCE_NAT, packet: led },
    { hook: 'postrouting', from: SOURCE_NAT, to: Infinity, packet: { ...led, source: hostAddress } },
    { hook: 'prerouting', from: -Infinity, to: TRACKING, packet: { ...answer, destination: hostAddress } },
    { hook: 'prerouting', from: TRACKING, to: Infinity, packet: { ...answer, state: 'established' } },
    { hook: 'input', from: -Infinity, to: SOURCE_NAT, packet: { ...answer, state: 'established' } },
  ];
};

/** A packet that nobody translates; its flow is recognised at some point. */
const everywhere = (hook: FilterHook, packet: Packet, state: 'new' | 'established'): Passage[] => [
  { hook, from: -Infinity, to: TRACKING, packet },
  { hook, from: TRACKING, to: Infinity, packet: { ...packet, state } },
];

const describe = ({ command, table, name }: FilterChain, packet: Packet): Drop => {
  const { protocol, family, source = '', sourcePort, destination = '', destinationPort } = packet;
  const isAnswer = destinationPort === undefined;
  const [address, port] = isAnswer ? [source, sourcePort] : [destination, destinationPort];
  const what = `what ${isAnswer ? 'comes from' : 'goes to'} ${address} port ${port}`;
  if (command === 'nft') {
    const match =
      `${family === 4 ? 'ip' : 'ip6'} ${isAnswer ? 'saddr' : 'daddr'} ${address} ` +
      `${protocol} ${isAnswer ? 'sport' : 'dport'} ${port}`;
    return {
      chain: `chain ${name} of the nftables table ${table}`,
      what,
      fix: `nft insert rule ${table} ${name} ${match} accept`,
    };
  }
  const match = `${isAnswer ? '-s' : '-d'} ${address} -p ${protocol} ${isAnswer ? '--sport' : '--dport'} ${port}`;
  return {
    chain: `chain ${name} of the ${command} table ${table}`,
    what,
    fix: `${command} -t ${table} -I ${name} ${match} -j ACCEPT`,
  };
};
