/** A sandbox as a list shows it, without asking it. */
import { addressOf, forwardsOf, stateOf } from '../entry-state.ts';
import type { EntryState } from '../entry-state.ts';
import type { RequestedForward } from '../sandbox/definition.ts';
import type { SandboxEntry } from '../sandboxes.ts';

/** One of {@link Sandbox.list}; frozen, with everything in it. */
export interface SandboxSummary {
  readonly id: string;
  readonly name: string;
  /** `exited`: its app ended by itself; `killed`: its supervisor was, by a reboot perhaps. */
  readonly state: EntryState;
  /** Absolute path of the app. */
  readonly app: string;
  /** Does it outlive the process that started it? */
  readonly isDetached: boolean;
  /** Forwards that are held, or will be when it is started; a host port that any free one is to be taken for is 0. */
  readonly forwards: readonly RequestedForward[];
  /** Process id of the supervisor, while it runs. */
  readonly pid?: number;
  /** Name of the runtime, while it runs. */
  readonly language?: string;
  /** Its IPv4 address, while it runs; with the isolation `namespace` only. */
  readonly address?: string;
  /** ms since the epoch, while it runs. */
  readonly startedAt?: number;
  /** Of an app that ended by itself. */
  readonly exitStatus?: number;
}

export const summarize = (entry: SandboxEntry): SandboxSummary => {
  const { id, name, record, stored } = entry;
  const address = addressOf(entry);
  const exitStatus = record === undefined ? stored?.ended?.status : undefined;
  return Object.freeze({
    id,
    name,
    state: stateOf(entry),
    app: record?.app ?? stored?.launch.app ?? '',
    isDetached: stored !== undefined,
    forwards: Object.freeze(forwardsOf(entry).map(freezeForward)),
    ...(record !== undefined && {
      pid: record.pid,
      language: record.language,
      startedAt: record.startedAt,
    }),
    ...(address !== undefined && { address }),
    ...(exitStatus !== undefined && { exitStatus }),
  });
};

const freezeForward = ({ protocol, addresses, hostPort, processPort }: RequestedForward): RequestedForward =>
  Object.freeze({ protocol, addresses: Object.freeze([...addresses]), hostPort, processPort });
