/** Removes what supervisors left behind that were killed: exactly what their records name. */
import { WasmrunError } from '../errors.ts';
import { endFlows } from '../network/firewall.ts';
import type { FirewallBackend, FirewallName } from '../network/firewall.ts';
import { removeNamespace, removeVeth } from '../network/namespace.ts';
import { redirectionsOf } from '../network/transports/redirect.ts';
import type { Link } from '../network/namespace.ts';
import type { SandboxRecord } from './record.ts';
import type { Claim, State } from './state.ts';

export interface ReclaimOptions {
  /** Prefix of all kernel objects' names. */
  readonly prefix: string;
  /** All that a record may name. */
  readonly firewalls: readonly FirewallBackend[];
}

/**
 * Sweeps the sandboxes of dead supervisors and returns their records. Call under the lock.
 * @throws {WasmrunError} NETWORK_SETUP_FAILED if something of ours resists; the records then stay
 */
export const reclaim = async (state: State, options: ReclaimOptions): Promise<SandboxRecord[]> => {
  const dead = state.dead();
  for (const record of dead) await unmake(record, options);
  await Promise.all(linksOf(dead).map(({ veth }) => removeVeth(veth)));
  await removeFirewalls(dead, state.living(), options);
  for (const record of dead) state.forget(record);
  return dead;
};

const linksOf = (records: readonly SandboxRecord[]): Link[] =>
  records.flatMap(({ enclosure }) => (enclosure.isolation === 'namespace' ? [enclosure.link] : []));

/** All but the interface, which goes with the namespace; many go at once. */
const unmake = async (
  { enclosure, firewall, forwards }: SandboxRecord,
  options: ReclaimOptions,
): Promise<void> => {
  if (enclosure.isolation !== 'namespace') return;
  const { link, namespace } = enclosure;
  if (firewall !== undefined) {
    const redirections = forwards.flatMap((forward) => redirectionsOf(forward, link));
    await backendNamed(firewall, options).release(options.prefix, { members: [link], redirections });
    endFlows(redirections);
  }
  removeNamespace(namespace);
};

/**
 * Gives up the record of a sandbox that has been unmade, and its firewall with the last sandbox behind it.
 * Call under the lock.
 */
export const retire = async (state: State, claim: Claim, options: ReclaimOptions): Promise<void> => {
  const others = state.living().filter(({ name }) => name !== claim.record.name);
  await removeFirewalls([claim.record], others, options);
  claim[Symbol.dispose]();
};

/** The firewalls that these records name, and that nobody else stands behind. */
const removeFirewalls = async (
  records: readonly SandboxRecord[],
  others: readonly SandboxRecord[],
  options: ReclaimOptions,
): Promise<void> => {
  const names = new Set(records.flatMap(({ firewall }) => firewall ?? []));
  for (const { firewall } of others) if (firewall !== undefined) names.delete(firewall);
  for (const name of names) await backendNamed(name, options).remove(options.prefix);
};

const backendNamed = (name: FirewallName, { firewalls }: ReclaimOptions): FirewallBackend => {
  const backend = firewalls.find((candidate) => candidate.name === name);
  if (backend !== undefined) return backend;
  throw new WasmrunError('STATE_UNREADABLE', `a sandbox stands behind ${name}, which is not known here`, {
    hint: 'It was written by another version of wasmrun: use that one to stop its sandboxes.',
  });
};
