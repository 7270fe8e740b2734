/**
 * What is written down about a sandbox before anything of it is made, so that the next command can
 * remove what a killed supervisor left behind — and nothing else.
 */
import type { FirewallName } from '../network/firewall.ts';
import type { Link } from '../network/namespace.ts';
import type { HeldForward } from '../network/transport.ts';

export interface SandboxRecord {
  /** Version of this format. */
  readonly version: 1;
  readonly name: string;
  /** The supervisor; for people, liveness is told by the lock on the record's file. */
  readonly pid: number;
  /** Full name of the network namespace. */
  readonly namespace: string;
  /** Number of the address pair. */
  readonly slot: number;
  readonly link: Link;
  /** The firewall it stands behind; absent before that is settled, and where there is none. */
  readonly firewall?: FirewallName;
  readonly forwards: readonly HeldForward[];
}
