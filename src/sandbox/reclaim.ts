/** Removes what supervisors left behind that were killed: exactly what their records name. */
import { removeElements, removeFirewall } from '../network/firewall.ts';
import { removeNamespace, removeVeth } from '../network/namespace.ts';
import { redirectionsOf } from '../network/transports/nftables.ts';
import { probeNft } from '../os/nft.ts';
import type { SandboxRecord } from './record.ts';
import type { State } from './state.ts';

/**
 * Sweeps the sandboxes of dead supervisors and returns their names. Call under the lock.
 * @throws {WasmrunError} NETWORK_SETUP_FAILED if something of ours resists; its record then stays
 */
export const reclaim = async (state: State, prefix: string): Promise<string[]> => {
  const dead = state.dead();
  if (dead.length === 0) return [];
  const hasNft = (await probeNft()).ok;
  for (const record of dead) {
    if (hasNft) await removeElements({ prefix }, elementsOf(record));
    removeVeth(record.link.veth);
    removeNamespace(record.namespace);
    state.forget(record);
  }
  await removeUnusedFirewall(state, prefix);
  return dead.map(({ name }) => name);
};

/** Takes the table of a prefix away with its last sandbox. Call under the lock. */
export const removeUnusedFirewall = async (state: State, prefix: string): Promise<void> => {
  if (state.living().length > 0) return;
  if ((await probeNft()).ok) await removeFirewall({ prefix });
};

const elementsOf = ({ link, forwards }: SandboxRecord): Parameters<typeof removeElements>[1] => ({
  members: [link],
  redirections: forwards.flatMap((forward) => redirectionsOf(forward, link)),
});
