/** The rules of the wall in iptables' words, and the scripts for iptables-restore that make and unmake them. */
import type { Elements, Member, Redirection } from '../firewall.ts';
import { chainName, checkPrefix, vethStem } from '../names.ts';
import { notOurs } from './failure.ts';
import { fingerprint } from '../../os/fingerprint.ts';
import {
  chainOf,
  EMPTY_TABLE,
  type SavedTable,
  type SavedTables,
  says,
  targetOf,
} from './iptables-listing.ts';

const TABLES = ['raw', 'filter', 'nat'] as const;
type TableName = (typeof TABLES)[number];

interface Chain {
  readonly table: TableName;
  readonly name: string;
  /** Rules of the kernel's chains that lead here: `CHAIN conditions`. */
  readonly jumps?: readonly string[];
  readonly rules: readonly string[];
  /** What else the chain holds: an element for each sandbox, ahead of its rules, or for each forward. */
  readonly holds?: 'members' | 'redirections';
}

/**
 * A guard that is passed returns to the kernel's chain (by goto: past the guard), so that the rules of
 * others still have their say; the same holds for answers to connections the host has made. IPv6 is no
 * matter: it is off on the interfaces.
 */
const chainsOf = (prefix: string): Chain[] => {
  const veths = `${vethStem(prefix)}+`;
  const own = (chain: string): string => chainName(prefix, chain);
  return [
    {
      table: 'raw',
      name: own('guard'),
      jumps: [`PREROUTING -i ${veths}`],
      rules: ['-d 127.0.0.0/8 -j DROP', `-g ${own('sandboxes')}`],
    },
    { table: 'raw', name: own('sandboxes'), rules: ['-j DROP'], holds: 'members' },
    {
      table: 'filter',
      name: own('refuse'),
      rules: ['-p tcp -j REJECT --reject-with tcp-reset', '-j REJECT --reject-with icmp-admin-prohibited'],
    },
    {
      table: 'filter',
      name: own('to_host'),
      jumps: [`INPUT -i ${veths}`],
      rules: ['-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN', `-j ${own('refuse')}`],
    },
    {
      table: 'filter',
      name: own('through_host'),
      jumps: [`FORWARD -i ${veths}`, `FORWARD -o ${veths}`],
      rules: [`-j ${own('refuse')}`],
    },
    {
      table: 'nat',
      name: own('from_loopback'),
      jumps: [`POSTROUTING -o ${veths}`],
      rules: ['-s 127.0.0.0/8 -j MASQUERADE'],
    },
    {
      table: 'nat',
      name: own('forwards'),
      jumps: ['OUTPUT -d 127.0.0.0/8'],
      rules: [],
      holds: 'redirections',
    },
  ];
};

const memberRule = ({ veth, sandboxAddress }: Member): string =>
  `-s ${sandboxAddress}/32 -i ${veth} -j RETURN`;

const isMember = (rule: string, { veth, sandboxAddress }: Member): boolean =>
  says(rule, `-s ${sandboxAddress}/32`, `-i ${veth}`, '-j RETURN');

const redirectionRule = (redirection: Redirection): string => {
  const { protocol, address, hostPort, sandboxAddress, processPort } = redirection;
  const match = `-d ${address}/32 -p ${protocol} -m ${protocol} --dport ${hostPort}`;
  return `${match} -j DNAT --to-destination ${sandboxAddress}:${processPort}`;
};

const isSamePort = (rule: string, { protocol, address, hostPort }: Redirection): boolean =>
  says(rule, `-d ${address}/32`, `-p ${protocol}`, `--dport ${hostPort}`);

const isRedirection = (rule: string, redirection: Redirection): boolean =>
  isSamePort(rule, redirection) &&
  says(rule, `--to-destination ${redirection.sandboxAddress}:${redirection.processPort}`);

/** The rules of this version of wasmrun for one prefix, compared with what stands. */
export class IptablesRules {
  readonly #chains: readonly Chain[];
  /** Name of a chain without rules that tells who made the table's chains; the version follows. */
  readonly #markerStem: string;
  readonly #marker: string;

  /** @throws {WasmrunError} NAME_INVALID */
  constructor(prefix: string) {
    this.#chains = chainsOf(checkPrefix(prefix));
    this.#markerStem = chainName(prefix, 'ruleset-');
    this.#marker = this.#markerStem + fingerprint(JSON.stringify(this.#chains));
  }

  /** Are all rules there, each kernel chain leading to ours once? By number: the spelling differs by version. */
  stand(saved: SavedTables): boolean {
    return this.#chains.every((chain) => {
      const table = saved.get(chain.table) ?? EMPTY_TABLE;
      const elements = chain.holds === undefined ? 0 : this.#elementRules(table, chain).length;
      const jumps = jumpsTo(table, this.#chainsOf(chain.table));
      return (
        table.chains.has(this.#marker) &&
        rulesIn(table, chain).length === chain.rules.length + elements &&
        jumps.filter((rule) => targetOf(rule) === chain.name).length === (chain.jumps ?? []).length
      );
    });
  }

  /** Has another version of wasmrun put its rules in their place? */
  wereReplaced(saved: SavedTables): boolean {
    return TABLES.every((name) => {
      const markers = this.#markersIn(saved.get(name) ?? EMPTY_TABLE);
      return markers.length > 0 && !markers.includes(this.#marker);
    });
  }

  /** Are these elements there? */
  hold(saved: SavedTables, { members = [], redirections = [] }: Elements): boolean {
    const memberRules = this.#held(saved, 'members');
    const redirectionRules = this.#held(saved, 'redirections');
    return (
      members.every((member) => memberRules.some((rule) => isMember(rule, member))) &&
      redirections.every((redirection) => redirectionRules.some((rule) => isRedirection(rule, redirection)))
    );
  }

  /** Those of the redirections whose port leads to another sandbox. */
  conflicts(saved: SavedTables, redirections: readonly Redirection[]): Redirection[] {
    const rules = this.#held(saved, 'redirections');
    return redirections.filter((redirection) =>
      rules.some((rule) => isSamePort(rule, redirection) && !isRedirection(rule, redirection)),
    );
  }

  /**
   * Makes the rules with these elements beside those of others; leaves no trace of what stood before, whole or
   * not. Redirections are only ever added: another supervisor may be changing them at this moment.
   * @throws {WasmrunError} NETWORK_SETUP_FAILED when a chain of that name is not ours
   */
  make(saved: SavedTables, { members = [], redirections = [] }: Elements): string {
    return script((name) => {
      const table = saved.get(name) ?? EMPTY_TABLE;
      const chains = this.#chainsOf(name);
      this.#checkOurs(name, table);
      const olderMarkers = this.#markersIn(table).filter((marker) => marker !== this.#marker);
      const lines = jumpsTo(table, chains).map(removal);
      lines.push(...olderMarkers.map((marker) => `-X ${marker}`), declaration(this.#marker));
      for (const chain of chains) {
        // Declaring a chain empties it.
        if (chain.holds !== 'redirections' || !table.chains.has(chain.name))
          lines.push(declaration(chain.name));
      }
      for (const chain of chains) {
        if (chain.holds === 'members') {
          const others = this.#elementRules(table, chain).filter(
            (rule) => !members.some((member) => isMember(rule, member)),
          );
          lines.push(...others, ...members.map((member) => `-A ${chain.name} ${memberRule(member)}`));
        }
        if (chain.holds === 'redirections') lines.push(...this.#additions(saved, redirections));
        lines.push(...chain.rules.map((rule) => `-A ${chain.name} ${rule}`));
        lines.push(...(chain.jumps ?? []).map((jump) => `-I ${jump} -j ${chain.name}`));
      }
      return lines;
    });
  }

  /** Adds those of the elements that are not there yet to rules that stand. */
  add(saved: SavedTables, { members = [], redirections = [] }: Elements): string {
    const chain = this.#chainOfElements('members');
    const present = this.#held(saved, 'members');
    const missing = members.filter((member) => !present.some((rule) => isMember(rule, member)));
    return script((table) => [
      ...(table === chain.table ? missing.map((member) => `-I ${chain.name} ${memberRule(member)}`) : []),
      ...(table === this.#chainOfElements('redirections').table ? this.#additions(saved, redirections) : []),
    ]);
  }

  /** Is there something redirections can be added to? */
  canRedirect(saved: SavedTables): boolean {
    const { table, name } = this.#chainOfElements('redirections');
    return saved.get(table)?.chains.has(name) === true;
  }

  /** Takes those of the elements away that are there. */
  release(saved: SavedTables, { members = [], redirections = [] }: Elements): string {
    const gone = new Map<TableName, string[]>([
      [
        this.#chainOfElements('members').table,
        this.#held(saved, 'members').filter((rule) => members.some((member) => isMember(rule, member))),
      ],
      [
        this.#chainOfElements('redirections').table,
        this.#held(saved, 'redirections').filter((rule) =>
          redirections.some((redirection) => isRedirection(rule, redirection)),
        ),
      ],
    ]);
    return script((name) => (gone.get(name) ?? []).map(removal));
  }

  /** Takes everything away, in the tables whose chains are ours. */
  unmake(saved: SavedTables): string {
    return script((name) => {
      const table = saved.get(name) ?? EMPTY_TABLE;
      const markers = this.#markersIn(table);
      if (markers.length === 0) return [];
      const chains = this.#chainsOf(name);
      const names = chains.map((chain) => chain.name).filter((chain) => table.chains.has(chain));
      return [
        ...jumpsTo(table, chains).map(removal),
        ...names.map((chain) => `-F ${chain}`),
        ...[...names, ...markers].map((chain) => `-X ${chain}`),
      ];
    });
  }

  #chainsOf(table: TableName): Chain[] {
    return this.#chains.filter((chain) => chain.table === table);
  }

  #chainOfElements(kind: 'members' | 'redirections'): Chain {
    const chain = this.#chains.find(({ holds }) => holds === kind);
    if (chain === undefined) throw new Error(`no chain holds ${kind}`);
    return chain;
  }

  #held(saved: SavedTables, kind: 'members' | 'redirections'): string[] {
    const chain = this.#chainOfElements(kind);
    return this.#elementRules(saved.get(chain.table) ?? EMPTY_TABLE, chain);
  }

  /** The elements of a chain as saved rules. */
  #elementRules(table: SavedTable, chain: Chain): string[] {
    const target = chain.holds === 'members' ? '-j RETURN' : '-j DNAT';
    return rulesIn(table, chain).filter((rule) => says(rule, target));
  }

  #additions(saved: SavedTables, redirections: readonly Redirection[]): string[] {
    const { name } = this.#chainOfElements('redirections');
    const present = this.#held(saved, 'redirections');
    return redirections
      .filter((redirection) => !present.some((rule) => isRedirection(rule, redirection)))
      .map((redirection) => `-A ${name} ${redirectionRule(redirection)}`);
  }

  #markersIn({ chains }: SavedTable): string[] {
    return [...chains].filter((chain) => chain.startsWith(this.#markerStem));
  }

  #checkOurs(name: TableName, table: SavedTable): void {
    if (this.#markersIn(table).length > 0) return;
    const stranger = this.#chainsOf(name).find((chain) => table.chains.has(chain.name));
    if (stranger !== undefined) throw notOurs(`the chain ${stranger.name} of the iptables table ${name}`);
  }
}

/** A script for iptables-restore; empty where there is nothing to do. */
const script = (linesOf: (table: TableName) => string[]): string =>
  TABLES.map((table) => {
    const lines = linesOf(table);
    return lines.length === 0 ? '' : [`*${table}`, ...lines, 'COMMIT', ''].join('\n');
  }).join('');

const declaration = (chain: string): string => `:${chain} - [0:0]`;

const removal = (rule: string): string => rule.replace(/^-A/, '-D');

const rulesIn = ({ rules }: SavedTable, { name }: Chain): string[] =>
  rules.filter((rule) => chainOf(rule) === name);

/** Rules outside the chains that lead into them. */
const jumpsTo = ({ rules }: SavedTable, chains: readonly Chain[]): string[] => {
  const names = new Set(chains.map(({ name }) => name));
  return rules.filter((rule) => {
    const target = targetOf(rule);
    return target !== undefined && names.has(target) && !names.has(chainOf(rule));
  });
};
