/** What each platform has to offer; the only file that knows all isolations, firewalls and transports. */
import type { FirewallBackend } from './network/firewall.ts';
import { createIptablesBackend } from './network/firewalls/iptables.ts';
import { createNftablesBackend } from './network/firewalls/nftables.ts';
import type { Transport } from './network/transport.ts';
import { handoffTransport } from './network/transports/handoff.ts';
import { createPfTransport } from './network/transports/pf.ts';
import { createRedirectTransport } from './network/transports/redirect.ts';
import type { Isolation } from './sandbox/isolation.ts';
import { namespaceIsolation } from './sandbox/isolations/namespace.ts';
import { userNamespaceIsolation } from './sandbox/isolations/user-namespace.ts';
import { virtualIsolation } from './sandbox/isolations/virtual.ts';

/** All ways to keep a sandbox apart, preferred first. */
export const ISOLATIONS: readonly Isolation[] = [
  namespaceIsolation,
  userNamespaceIsolation,
  virtualIsolation,
];

/** All firewalls, preferred first; they are the kernel's of Linux. */
export const FIREWALLS: readonly FirewallBackend[] = [createNftablesBackend(), createIptablesBackend()];

const REDIRECTS: readonly Transport[] = FIREWALLS.map(createRedirectTransport);
const PF = createPfTransport();

/** Preferred first: the first that works is used, the others are for those who ask for them. */
const BY_PLATFORM: Partial<Record<NodeJS.Platform, readonly Transport[]>> = {
  linux: [...REDIRECTS, handoffTransport],
  darwin: [handoffTransport, PF],
};

/** Transports of a platform, preferred first. Where the kernel has nothing to offer, as on Windows: handoff. */
export const transportsFor = (platform: NodeJS.Platform): readonly Transport[] =>
  BY_PLATFORM[platform] ?? [handoffTransport];

/** Every transport there is, and a platform it is for; the present one where that has it. */
export const findTransport = (
  name: Transport['name'],
  present: NodeJS.Platform,
): { transport: Transport; platform: NodeJS.Platform } => {
  for (const platform of [present, 'linux', 'darwin'] as const) {
    const transport = transportsFor(platform).find((candidate) => candidate.name === name);
    if (transport !== undefined) return { transport, platform };
  }
  throw new Error(`no platform has the transport ${name}`);
};
