/** How a sandbox is, as far as that can be told without asking it. */
import type { RequestedForward } from './sandbox/definition.ts';
import type { SandboxEntry } from './sandboxes.ts';

/** `exited`: its app ended by itself; `killed`: its supervisor was, by a reboot perhaps. */
export type EntryState = 'running' | 'exited' | 'killed' | 'stopped';

/** A supervisor that was killed has said nothing. */
export const stateOf = ({ record, stored }: SandboxEntry): EntryState => {
  if (record !== undefined) return 'running';
  if (stored?.ended) return 'exited';
  return stored?.wanted === 'running' ? 'killed' : 'stopped';
};

/** Those that are held, or will be when it is started. */
export const forwardsOf = ({
  record,
  stored,
}: Pick<SandboxEntry, 'record' | 'stored'>): readonly RequestedForward[] =>
  record?.forwards ?? stored?.forwards ?? [];

/** Its IPv4 address, while it runs; with the isolation `namespace` only. */
export const addressOf = ({ record }: Pick<SandboxEntry, 'record'>): string | undefined =>
  record?.enclosure.isolation === 'namespace' ? record.enclosure.link.sandboxAddress : undefined;
