/** Every kernel object of an installation of wasmrun is named after one prefix, so that two never meet. */
import { WasmrunError } from '../errors.ts';

/** How a sandbox is kept apart from the host's network, see sandbox/isolation.ts. */
export type IsolationName = 'namespace' | 'user-namespace' | 'virtual';

export const DEFAULT_PREFIX = 'wasmrun';

/**
 * The interface name is the tightest: 8 characters, `-v` and 5 digits make up the 15 that
 * `IFNAMSIZ` of linux/if.h leaves.
 */
const PREFIX = /^[a-z][a-z0-9]{0,7}$/;

/** Slots are numbered below this, for the same reason. */
export const SLOT_LIMIT = 100_000;

/**
 * Returns `prefix` if names can be derived from it.
 * @throws {WasmrunError} NAME_INVALID
 */
export const checkPrefix = (prefix: string): string => {
  if (PREFIX.test(prefix)) return prefix;
  throw new WasmrunError('NAME_INVALID', `"${prefix}" cannot be the prefix of network names`, {
    hint: 'use 1 to 8 lower-case letters and digits, a letter first',
  });
};

/** Leaves room for a prefix in network namespace names and socket paths. */
const SANDBOX_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Can a sandbox be called so? */
export const isSandboxName = (name: string): boolean => SANDBOX_NAME.test(name);

/** Network namespace of a sandbox, as `ip netns` lists it. */
export const namespaceName = (prefix: string, sandbox: string): string => `${prefix}-${sandbox}`;

/** Host side interface of the sandbox in a slot. */
export const vethName = (prefix: string, slot: number): string => vethStem(prefix) + slot;

/** What the interfaces of all slots begin with. */
export const vethStem = (prefix: string): string => `${prefix}-v`;

/** The nft table, as `nft list table` takes it. */
export const tableName = (prefix: string): string => `inet ${prefix}`;

/** A chain of iptables(8): at most 28 characters. */
export const chainName = (prefix: string, chain: string): string => `${prefix}-${chain}`;
