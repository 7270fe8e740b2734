/** How a sandbox is, as far as that can be told without asking it. */
import type { SandboxEntry } from './sandboxes.ts';

/** `exited`: its app ended by itself; `killed`: its supervisor was, by a reboot perhaps. */
export type EntryState = 'running' | 'exited' | 'killed' | 'stopped';

/** A supervisor that was killed has said nothing. */
export const stateOf = ({ record, stored }: SandboxEntry): EntryState => {
  if (record !== undefined) return 'running';
  if (stored?.ended) return 'exited';
  return stored?.wanted === 'running' ? 'killed' : 'stopped';
};
