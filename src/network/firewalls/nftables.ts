/**
 * The wall as one nftables table for all sandboxes of a prefix, in which a sandbox and a forward are single
 * elements. A map key exists once, so no two sandboxes can ever own one host port, and a thousand forwards
 * cost a packet no more than one.
 */
import { NftError, type NftRunner, probeNft, rulesetGeneration, runNft } from '../../os/nft.ts';
import type { Elements, FirewallBackend, Member, Redirection } from '../firewall.ts';
import { checkPrefix, tableName, vethStem } from '../names.ts';
import { alreadyRedirected, attempt, notOurs } from './failure.ts';
import { fingerprint } from '../../os/fingerprint.ts';
import { type NftListing, readListing } from './nft-listing.ts';

/** A chain without rules whose name tells the table's maker and the version of its rules. */
const MARKER = 'ruleset_';
/** Debian's package of `nft` and libnftables. */
const PACKAGE = 'nftables';

/** Chains by name: where they are hooked in, and their rules. */
type Chains = Readonly<Record<string, { readonly hook?: string; readonly rules: readonly string[] }>>;

const COLLECTIONS = `
  map forwards { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  set sandboxes { type ifname . ipv4_addr; }`;

/** The rules. Nothing in them is specific to a sandbox; `iifname` patterns cover the interfaces of all. */
const chainsOf = (veths: string): Chains => ({
  guard: {
    hook: 'type filter hook prerouting priority raw; policy accept;',
    rules: [
      `iifname "${veths}" ip daddr 127.0.0.0/8 drop`,
      `iifname "${veths}" meta nfproto ipv6 drop`,
      `iifname "${veths}" iifname . ip saddr != @sandboxes drop`,
    ],
  },
  to_sandbox: {
    hook: 'type nat hook output priority -100; policy accept;',
    rules: ['dnat ip to ip daddr . meta l4proto . th dport map @forwards'],
  },
  from_loopback: {
    hook: 'type nat hook postrouting priority srcnat; policy accept;',
    rules: [`oifname "${veths}" ip saddr 127.0.0.0/8 masquerade`],
  },
  refuse: { rules: ['meta l4proto tcp reject with tcp reset', 'reject with icmpx admin-prohibited'] },
  to_host: {
    hook: 'type filter hook input priority filter; policy accept;',
    rules: [`iifname "${veths}" ct state established,related accept`, `iifname "${veths}" jump refuse`],
  },
  through_host: {
    hook: 'type filter hook forward priority filter; policy accept;',
    rules: [`iifname "${veths}" jump refuse`, `oifname "${veths}" jump refuse`],
  },
});

export interface NftablesOptions {
  /** How nftables is spoken to. */
  readonly nft?: NftRunner;
}

/** The firewall of choice: atomic, unique keys, and no process is started where libnftables is installed. */
export const createNftablesBackend = (options: NftablesOptions = {}): FirewallBackend =>
  new NftablesBackend(options.nft ?? runNft);

class NftablesBackend implements FirewallBackend {
  readonly name = 'nftables';
  readonly loader = ['nft', '-f', '-'];
  readonly #nft: NftRunner;

  constructor(nft: NftRunner) {
    this.#nft = nft;
  }

  probe() {
    return probeNft(this.#nft);
  }

  async raiseScript(
    prefix: string,
    { members = [], redirections = [] }: Elements,
    onto: 'what stands' | 'nothing',
  ): Promise<string> {
    const rules = new Rules(prefix);
    const listing = onto === 'nothing' ? undefined : await this.#list(rules.table);
    if (listing !== undefined && !isOurs(listing)) throw notOurs(`the nftables table ${rules.table}`);
    return [
      ...(rules.standIn(listing) ? [] : rules.replace(listing)),
      ...addElements(rules.table, 'sandboxes', members.map(memberElement)),
      ...addElements(rules.table, 'forwards', redirections.map(redirectionElement)),
    ].join('\n');
  }

  redirectScript(prefix: string, redirections: readonly Redirection[]): string {
    return addElements(tableName(prefix), 'forwards', redirections.map(redirectionElement)).join('\n');
  }

  /** One transaction; elements of running sandboxes survive an upgrade of the rules. */
  async raise(prefix: string, elements: Elements = {}): Promise<void> {
    const table = tableName(checkPrefix(prefix));
    await attempt(`set up the nftables table ${table}`, PACKAGE, async () => {
      const script = await this.raiseScript(prefix, elements, 'what stands');
      if (script !== '') await this.#nft(script);
    });
  }

  async redirect(prefix: string, redirections: readonly Redirection[]): Promise<boolean> {
    return await attempt('redirect the host port', PACKAGE, async () => {
      try {
        await this.#nft(this.redirectScript(prefix, redirections));
        return true;
      } catch (error) {
        if (!(error instanceof NftError)) throw error;
        if (error.isExisting) throw alreadyRedirected(redirections, error);
        if (error.isMissing) return false;
        throw error;
      }
    });
  }

  async release(prefix: string, { members = [], redirections = [] }: Elements): Promise<void> {
    const table = tableName(prefix);
    await attempt(`remove elements of the nftables table ${table}`, PACKAGE, async () => {
      const listing = await this.#list(table);
      if (listing === undefined) return;
      // The kernel deletes by key alone; only the listing tells whose element it is.
      const isThere = (element: string): boolean => listing.elements.has(element);
      await this.#deleteElements(table, 'forwards', redirections.map(redirectionElement).filter(isThere));
      await this.#deleteElements(table, 'sandboxes', members.map(memberElement).filter(isThere));
    });
  }

  async stands(prefix: string, { members = [], redirections = [] }: Elements): Promise<boolean> {
    const rules = new Rules(prefix);
    const listing = await this.#list(rules.table);
    const wanted = [...members.map(memberElement), ...redirections.map(redirectionElement)];
    return (
      listing !== undefined &&
      (rules.standIn(listing) || rules.wereReplacedIn(listing)) &&
      wanted.every((element) => listing.elements.has(element))
    );
  }

  generation(): number | undefined {
    return rulesetGeneration();
  }

  async remove(prefix: string): Promise<void> {
    const table = tableName(checkPrefix(prefix));
    await attempt(`remove the nftables table ${table}`, PACKAGE, async () => {
      const listing = await this.#list(table);
      if (listing !== undefined && isOurs(listing)) {
        await ignoreMissing(() => this.#nft(`delete table ${table}`));
      }
    });
  }

  /** Undefined where there is no such table. */
  async #list(table: string): Promise<NftListing | undefined> {
    const text = await ignoreMissing(() => this.#nft(`list table ${table}`));
    return text === undefined ? undefined : readListing(text);
  }

  /** A foreign `nft flush ruleset` may have been faster: what is gone already is fine. */
  async #deleteElements(table: string, collection: string, elements: readonly string[]): Promise<void> {
    if (elements.length === 0) return;
    const remove = (element: string): string => `delete element ${table} ${collection} { ${element} }`;
    try {
      await this.#nft(remove(elements.join(', ')));
    } catch (error) {
      if (!(error instanceof NftError && error.isMissing)) throw error;
      if (elements.length === 1) return;
      for (const element of elements) await this.#deleteElements(table, collection, [element]);
    }
  }
}

/** The rules of this version of wasmrun, for one prefix. */
class Rules {
  readonly table: string;
  readonly #chains: Chains;
  readonly #body: string;
  readonly #marker: string;

  /** @throws {WasmrunError} NAME_INVALID */
  constructor(prefix: string) {
    this.table = tableName(checkPrefix(prefix));
    this.#chains = chainsOf(`${vethStem(prefix)}*`);
    const chains = Object.entries(this.#chains).map(([name, { hook, rules }]) =>
      ['', `chain ${name} {`, ...[hook ?? [], ...rules].flat().map((line) => `  ${line}`), '}'].join('\n  '),
    );
    this.#body = COLLECTIONS + chains.join('');
    this.#marker = MARKER + fingerprint(this.#body);
  }

  /** Is every rule there? By number: nft prints the same rule differently in each version. */
  standIn(listing: NftListing | undefined): boolean {
    return (
      listing?.chains.has(this.#marker) === true &&
      Object.entries(this.#chains).every(([name, { rules }]) => listing.chains.get(name) === rules.length)
    );
  }

  /** Has another version of wasmrun put its rules in their place? */
  wereReplacedIn(listing: NftListing): boolean {
    return isOurs(listing) && !listing.chains.has(this.#marker);
  }

  /** Makes the table, or puts these rules in the place of what it has. */
  replace(listing: NftListing | undefined): string[] {
    const oldChains = [...(listing?.chains.keys() ?? [])];
    return [
      `table ${this.table} {}`,
      // Rules first: a chain that another one jumps to cannot be deleted.
      `flush table ${this.table}`,
      ...oldChains.map((chain) => `delete chain ${this.table} ${chain}`),
      `table ${this.table} {${this.#body}\n  chain ${this.#marker} {\n  }\n}`,
    ];
  }
}

const isOurs = ({ chains }: NftListing): boolean =>
  [...chains.keys()].some((chain) => chain.startsWith(MARKER));

const memberElement = ({ veth, sandboxAddress }: Member): string => `"${veth}" . ${sandboxAddress}`;

const redirectionElement = (redirection: Redirection): string => {
  const { protocol, address, hostPort, sandboxAddress, processPort } = redirection;
  return `${address} . ${protocol} . ${hostPort} : ${sandboxAddress} . ${processPort}`;
};

const addElements = (table: string, collection: string, elements: readonly string[]): string[] =>
  elements.length === 0 ? [] : [`add element ${table} ${collection} { ${elements.join(', ')} }`];

const ignoreMissing = async (action: () => Promise<string>): Promise<string | undefined> => {
  try {
    return await action();
  } catch (error) {
    if (error instanceof NftError && error.isMissing) return undefined;
    throw error;
  }
};
