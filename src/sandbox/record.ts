/**
 * What is written down about a sandbox before anything of it is made, so that the next command can
 * remove what a killed supervisor left behind — and nothing else.
 */
import type { FirewallName } from '../network/firewall.ts';
import type { Link } from '../network/namespace.ts';
import type { HeldForward, TransportName } from '../network/transport.ts';

/** A network namespace and its link to the host. */
export interface NamespaceRecord {
  readonly isolation: 'namespace';
  /** Full name of the network namespace. */
  readonly namespace: string;
  /** Number of the address pair. */
  readonly slot: number;
  readonly link: Link;
}

/** Nothing of it outlives its processes. */
export interface TransientRecord {
  readonly isolation: 'user-namespace' | 'virtual';
}

/** What is the sandbox's own in the kernel and outlives its processes. */
export type EnclosureRecord = NamespaceRecord | TransientRecord;

/** Version of this format; no other one is understood. */
export const RECORD_VERSION = 3;

export interface SandboxRecord {
  readonly version: typeof RECORD_VERSION;
  readonly name: string;
  /** 12 hex digits that no other sandbox has. */
  readonly id: string;
  /** Name of the runtime. */
  readonly language: string;
  /** Absolute path of the app. */
  readonly app: string;
  /** Does it outlive the terminal it was started from? Then it is in the store. */
  readonly isDetached: boolean;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** The supervisor; for people, liveness is told by the lock on the record's file. */
  readonly pid: number;
  readonly enclosure: EnclosureRecord;
  /** The firewall it stands behind; absent before that is settled, and where there is none. */
  readonly firewall?: FirewallName;
  /** What carries its forwards, as far as it does; absent before that is settled. */
  readonly transport?: TransportName;
  readonly forwards: readonly HeldForward[];
}
