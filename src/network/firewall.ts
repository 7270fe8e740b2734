/**
 * The wall between sandboxes and everything else, and the table of forwards: one nftables table for all
 * sandboxes, in which a sandbox and a forward are single elements. A map key exists once, so no two
 * sandboxes can ever own one host port, and a thousand forwards cost a packet no more than one.
 */
import { writeFileSync } from 'node:fs';
import { WasmrunError } from '../errors.ts';
import { CommandError } from '../os/command.ts';
import { NftError, type NftRunner, runNft } from '../os/nft.ts';
import { checkPrefix, tableName, vethPattern } from './names.ts';

/** A sandbox as the firewall knows it: whatever else comes out of its interface is dropped. */
export interface Member {
  /** Host side interface of its veth pair. */
  readonly veth: string;
  readonly sandboxAddress: string;
}

/** A host port on a loopback address that the kernel redirects into a sandbox. */
export interface Redirection {
  /** An address in 127.0.0.0/8. */
  readonly address: string;
  readonly hostPort: number;
  readonly sandboxAddress: string;
  readonly processPort: number;
}

export interface FirewallOptions {
  /** Prefix of all names, see names.ts. */
  readonly prefix: string;
  /** How nftables is spoken to. */
  readonly nft?: NftRunner;
}

export interface Firewall {
  /**
   * Lets a sandbox take part: traffic from its own address, connections from the host's loopback.
   * Disposing takes that back.
   * @throws {WasmrunError} NETWORK_SETUP_FAILED
   */
  admit(member: Member): Promise<AsyncDisposable>;
}

/** A chain without rules whose name tells the table's maker and the version of its rules. */
const MARKER = 'ruleset_';

/**
 * The rules. Nothing in them is specific to a sandbox; `iifname` patterns cover the interfaces of all.
 * `guard` comes before connection tracking: loopback destinations must never come out of a sandbox
 * (the class of CVE-2020-8558, possible because route_localnet is on), nor IPv6, nor a foreign source.
 * `refuse` answers instead of dropping, so that a program in a sandbox fails at once.
 */
const rules = (veths: string): string => `
  map forwards { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  set sandboxes { type ifname . ipv4_addr; }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname "${veths}" ip daddr 127.0.0.0/8 drop
    iifname "${veths}" meta nfproto ipv6 drop
    iifname "${veths}" iifname . ip saddr != @sandboxes drop
  }
  chain to_sandbox {
    type nat hook output priority -100; policy accept;
    dnat ip to ip daddr . meta l4proto . th dport map @forwards
  }
  chain from_loopback {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${veths}" ip saddr 127.0.0.0/8 masquerade
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain to_host {
    type filter hook input priority filter; policy accept;
    iifname "${veths}" ct state established,related accept
    iifname "${veths}" jump refuse
  }
  chain through_host {
    type filter hook forward priority filter; policy accept;
    iifname "${veths}" jump refuse
    oifname "${veths}" jump refuse
  }`;

/**
 * Makes sure the table is there with the rules of this version of wasmrun. One transaction, idempotent;
 * elements of running sandboxes survive an upgrade of the rules.
 * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED; the latter also when a table of that
 *   name is not ours
 */
export const openFirewall = async ({ prefix, nft = runNft }: FirewallOptions): Promise<Firewall> => {
  const table = tableName(checkPrefix(prefix));
  const body = rules(vethPattern(prefix));
  const marker = MARKER + fingerprint(body);
  await attempt(`set up the nftables table ${table}`, async () => {
    if (await exists(nft, `list chain ${table} ${marker}`)) return;
    const oldChains = await ownChains(nft, table);
    await nft(
      [
        `table ${table} {}`,
        // Rules first: a chain that another one jumps to cannot be deleted.
        `flush table ${table}`,
        ...oldChains.map((chain) => `delete chain ${table} ${chain}`),
        `table ${table} {${body}\n  chain ${marker} {\n  }\n}`,
      ].join('\n'),
    );
  });
  return { admit: (member) => admit(nft, table, member) };
};

/**
 * Deletes the table with all its elements; one that is not there is fine, one that is not ours stays.
 * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED
 */
export const removeFirewall = async ({ prefix, nft = runNft }: FirewallOptions): Promise<void> => {
  const table = tableName(checkPrefix(prefix));
  await attempt(`remove the nftables table ${table}`, async () => {
    const chains = await listChains(nft, table);
    if (chains?.some(isMarker)) await ignoreMissing(() => nft(`delete table ${table}`));
  });
};

/**
 * Has the kernel redirect loopback ports into a sandbox; all of them or none.
 * @throws {WasmrunError} PORT_IN_USE when one is redirected elsewhere, NETWORK_SETUP_FAILED
 */
export const addRedirections = async (
  { prefix, nft = runNft }: FirewallOptions,
  redirections: readonly Redirection[],
): Promise<AsyncDisposable> => {
  const table = tableName(prefix);
  const elements = redirections.map((redirection) => redirectionElement(redirection));
  try {
    if (elements.length > 0) await nft(addElements(table, 'forwards', elements));
  } catch (error) {
    throw error instanceof NftError && error.isExisting
      ? alreadyRedirected(redirections, error)
      : describe('redirect the host port', error);
  }
  return undo(() => deleteElements(nft, table, 'forwards', elements));
};

/**
 * Takes back what the record of a dead sandbox says it had. Elements that are gone, or that belong to
 * another sandbox by now, are left alone.
 * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED
 */
export const removeElements = async (
  { prefix, nft = runNft }: FirewallOptions,
  recorded: { readonly members?: readonly Member[]; readonly redirections?: readonly Redirection[] },
): Promise<void> => {
  const table = tableName(prefix);
  await attempt(`remove elements of the nftables table ${table}`, async () => {
    await deleteElements(nft, table, 'sandboxes', (recorded.members ?? []).map(memberElement));
    for (const redirection of recorded.redirections ?? []) {
      const element = redirectionElement(redirection);
      // The kernel deletes by key alone; only the listing tells whose element it is.
      const owned = await ignoreMissing(() => nft(`get element ${table} forwards { ${keyOf(redirection)} }`));
      if (owned?.includes(element)) await deleteElements(nft, table, 'forwards', [element]);
    }
  });
};

const admit = async (nft: NftRunner, table: string, member: Member): Promise<AsyncDisposable> => {
  const element = memberElement(member);
  await attempt(`admit ${member.veth} to the nftables table ${table}`, async () => {
    await nft(addElements(table, 'sandboxes', [element]));
    // Only now that the guard stands may 127.0.0.0/8 be routed over this interface, and over no other.
    writeFileSync(`/proc/sys/net/ipv4/conf/${member.veth}/route_localnet`, '1');
  });
  return undo(() => deleteElements(nft, table, 'sandboxes', [element]));
};

const memberElement = ({ veth, sandboxAddress }: Member): string => `"${veth}" . ${sandboxAddress}`;

const keyOf = ({ address, hostPort }: Redirection): string => `${address} . tcp . ${hostPort}`;

const redirectionElement = (redirection: Redirection): string =>
  `${keyOf(redirection)} : ${redirection.sandboxAddress} . ${redirection.processPort}`;

const addElements = (table: string, collection: string, elements: readonly string[]): string =>
  `add element ${table} ${collection} { ${elements.join(', ')} }`;

/** A foreign `nft flush ruleset` may have been faster: what is gone already is fine. */
const deleteElements = async (
  nft: NftRunner,
  table: string,
  collection: string,
  elements: readonly string[],
): Promise<void> => {
  if (elements.length === 0) return;
  const remove = (element: string): string => `delete element ${table} ${collection} { ${element} }`;
  try {
    await nft(remove(elements.join(', ')));
  } catch (error) {
    if (!(error instanceof NftError && error.isMissing)) throw error;
    if (elements.length === 1) return;
    for (const element of elements) await deleteElements(nft, table, collection, [element]);
  }
};

/** Chains of the table that is to be replaced; throws when it is not ours. */
const ownChains = async (nft: NftRunner, table: string): Promise<string[]> => {
  const chains = await listChains(nft, table);
  if (chains === undefined || chains.some(isMarker)) return chains ?? [];
  throw new WasmrunError('NETWORK_SETUP_FAILED', `the nftables table ${table} was not made by wasmrun`, {
    hint: 'choose other names with `namespace_prefix` under [network] in .wasmrun.toml',
  });
};

/** Chains of a table, or undefined where there is no such table. */
const listChains = async (nft: NftRunner, table: string): Promise<string[] | undefined> => {
  const listing = await ignoreMissing(() => nft(`list table ${table}`));
  if (listing === undefined) return undefined;
  return Array.from(listing.matchAll(/^\tchain (\w+) /gm), ([, name]) => name ?? '');
};

const isMarker = (chain: string): boolean => chain.startsWith(MARKER);

const exists = async (nft: NftRunner, query: string): Promise<boolean> =>
  (await ignoreMissing(() => nft(query))) !== undefined;

const ignoreMissing = async (action: () => Promise<string>): Promise<string | undefined> => {
  try {
    return await action();
  } catch (error) {
    if (error instanceof NftError && error.isMissing) return undefined;
    throw error;
  }
};

const undo = (action: () => Promise<void>): AsyncDisposable => {
  const once = new AsyncDisposableStack();
  once.defer(() => attempt('remove elements of the nftables table', action));
  return once;
};

/** 32-bit FNV-1a (draft-eastlake-fnv): tells versions of the rules apart; node:crypto takes 4 ms to load. */
const fingerprint = (text: string): string => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
};

const alreadyRedirected = (redirections: readonly Redirection[], cause: NftError): WasmrunError => {
  const ports = [...new Set(redirections.map((redirection) => redirection.hostPort))].join(', ');
  return new WasmrunError('PORT_IN_USE', `host port ${ports} is already forwarded to another sandbox`, {
    hint: 'choose another host port, or let wasmrun choose one',
    cause,
  });
};

const attempt = async (step: string, action: () => Promise<void>): Promise<void> => {
  try {
    await action();
  } catch (error) {
    throw describe(step, error);
  }
};

const describe = (step: string, error: unknown): WasmrunError => {
  if (error instanceof WasmrunError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('Operation not permitted')) {
    return new WasmrunError('PERMISSION_DENIED', `cannot ${step}: this needs root (CAP_NET_ADMIN)`, {
      hint: 'run wasmrun with sudo',
      cause: error,
    });
  }
  const missing = error instanceof CommandError && error.missing;
  return new WasmrunError('NETWORK_SETUP_FAILED', `cannot ${step}: ${message}`, {
    ...(missing && { hint: 'apt-get install nftables' }),
    cause: error,
  });
};
