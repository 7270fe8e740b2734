/** The filters of iptables, from what iptables-save(8) prints, as far as they can be followed. */
import { BlockList } from 'node:net';
import type { IptablesCommand } from '../base-chains.ts';
import { chainOf, readSavedTables } from '../firewalls/iptables-listing.ts';
import { allOf } from './packet-filter.ts';
import type { FilterChain, FilterHook, FilterRule, Packet, Truth, Verdict } from './packet-filter.ts';

/** Names the kernel gives its chains. */
const HOOKS: ReadonlyMap<string, FilterHook> = new Map([
  ['PREROUTING', 'prerouting'],
  ['INPUT', 'input'],
  ['OUTPUT', 'output'],
  ['POSTROUTING', 'postrouting'],
]);
/** `NF_IP_PRI_*` of linux/netfilter_ipv4.h; what is not here does not filter. */
const PRIORITIES: ReadonlyMap<string, number> = new Map([
  ['raw', -300],
  ['mangle', -150],
  ['filter', 0],
  ['security', 50],
]);

/** @param save - what iptables-save(8) of a kind prints: IPv4 alone */
export const readIptablesFilters = (command: IptablesCommand, save: string): FilterChain[] =>
  [...readSavedTables(save)].flatMap(([table, { policies, rules }]) => {
    const priority = PRIORITIES.get(table);
    if (priority === undefined) return [];
    const siblings = new Map(
      [...Map.groupBy(rules, chainOf)].map(([chain, list]) => [
        chain,
        list.map((rule) => new IptablesFilterRule(rule)),
      ]),
    );
    return [...HOOKS].flatMap(([name, hook]) => {
      const policy = policies.get(name);
      if (policy === undefined) return [];
      const dropsRest = policy === 'DROP';
      const families = [4] as const;
      return {
        command,
        table,
        name,
        hook,
        families,
        priority,
        rules: siblings.get(name) ?? [],
        dropsRest,
        siblings,
      };
    });
  });

/** Options that ask for nothing: `-m tcp`, and what follows a target. */
const SILENT: ReadonlySet<string> = new Set([
  '-m',
  '--reject-with',
  '--comment',
  '--log-prefix',
  '--log-level',
]);

class IptablesFilterRule implements FilterRule {
  readonly #conditions: ((packet: Packet) => Truth)[] = [];
  #verdict: Verdict | undefined;

  /** @param rule - `-A CHAIN …` */
  constructor(rule: string) {
    const words = rule.match(/"(\\.|[^"\\])*"|\S+/g) ?? [];
    let isNegated = false;
    for (let at = 2; at < words.length; at += 1) {
      const word = words[at]!;
      if (word === '!') {
        isNegated = true;
        continue;
      }
      const value = words[at + 1] ?? '';
      if (word === '-j' || word === '-g') this.#verdict = verdictOf(word, value);
      else if (!SILENT.has(word)) this.#conditions.push(negateIf(isNegated, conditionOf(word, value)));
      isNegated = false;
      if (!(words[at + 1] ?? '-').startsWith('-')) at += 1;
    }
  }

  matches(packet: Packet): Truth {
    return allOf(this.#conditions.map((condition) => condition(packet)));
  }

  verdict(): Verdict | undefined {
    return this.#verdict;
  }
}

const verdictOf = (option: string, target: string): Verdict | undefined => {
  if (target === 'ACCEPT') return { kind: 'accept' };
  if (target === 'RETURN') return { kind: 'return' };
  if (target === 'DROP' || target === 'REJECT') return { kind: 'drop' };
  // Targets of the kernel are in capitals, too; a chain that is not there has no rules.
  return { kind: option === '-g' ? 'goto' : 'jump', chain: target };
};

const negateIf =
  (isNegated: boolean, condition: (packet: Packet) => Truth) =>
  (packet: Packet): Truth => {
    const truth = condition(packet);
    return isNegated && truth !== undefined ? !truth : truth;
  };

const conditionOf = (option: string, value: string): ((packet: Packet) => Truth) => {
  switch (option) {
    case '-p':
      return ({ protocol }) => protocol === value;
    case '-s':
      return ({ source }) => isWithin(source, value);
    case '-d':
      return ({ destination }) => isWithin(destination, value);
    case '-i':
      return ({ input }) => isInterface(input, value);
    case '-o':
      return ({ output }) => isInterface(output, value);
    case '--sport':
    case '--sports':
      return ({ sourcePort }) => isAmong(sourcePort, value);
    case '--dport':
    case '--dports':
      return ({ destinationPort }) => isAmong(destinationPort, value);
    case '--ctstate':
    case '--state':
      return ({ state }) =>
        state === undefined ? undefined : value.toLowerCase().split(',').includes(state);
    default:
      return () => undefined;
  }
};

/** @param network - `10.0.0.0/8`; iptables-save always writes the length */
const isWithin = (address: string | undefined, network: string): Truth => {
  const [base = '', length = '32'] = network.split('/');
  if (address === undefined || !/^\d+$/.test(length)) return undefined;
  const list = new BlockList();
  list.addSubnet(base, Number(length));
  return list.check(address);
};

/** A name that ends with `+` stands for all that begin so. */
const isInterface = (name: string | undefined, wanted: string): Truth => {
  if (name === undefined) return undefined;
  return wanted.endsWith('+') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
};

/** @param list - `80`, `80:90`, or several with commas between them */
const isAmong = (port: number | undefined, list: string): Truth =>
  port === undefined
    ? undefined
    : list.split(',').some((range) => {
        const [first, last = first] = range.split(':').map(Number);
        return (first ?? 0) <= port && port <= (last ?? 0);
      });
