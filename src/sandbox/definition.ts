/** What a sandbox is made from: plain data, already checked. */
import type { DirectoryMount, DriverReference } from '../engine/messages.ts';
import type { OutboundRules } from '../network/egress.ts';
import type { IsolationName } from '../network/names.ts';
import type { PeerRule } from '../network/peers.ts';
import type { TransportName } from '../network/transport.ts';
import type { AppUser } from '../os/app-user.ts';
import type { Protocol } from '../os/socket.ts';

/** A forward as asked for; its host port is not held yet. */
export interface RequestedForward {
  readonly protocol: Protocol;
  /** Host addresses, e.g. `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[];
  /** 1–65535, or 0 for any free port. */
  readonly hostPort: number;
  /** 1–65535 */
  readonly processPort: number;
}

export interface SandboxDefinition {
  readonly name: string;
  /** A chosen name is taken or refused; a derived one may get a number. */
  readonly nameIsExplicit: boolean;
  /** 12 hex digits that no other sandbox has. */
  readonly id: string;
  /** Name of the runtime, for people. */
  readonly language: string;
  /** Absolute path of the app, for people. */
  readonly app: string;
  /** Does it outlive the terminal it was started from? */
  readonly isDetached: boolean;
  /** Prefix of all kernel objects' names. */
  readonly prefix: string;
  /** Absolute path of the module. */
  readonly module: string;
  /** Who runs the module inside the engine; absent for a WASI command. */
  readonly driver?: DriverReference;
  /** `argv` of the guest, its own name first. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directories: readonly DirectoryMount[];
  readonly tmpfs: readonly string[];
  readonly forwards: readonly RequestedForward[];
  readonly isolation: IsolationName | 'auto';
  readonly transport: TransportName | 'auto';
  /** What the guest may connect to outside. */
  readonly outbound: OutboundRules;
  /** Other sandboxes it may connect to. */
  readonly peers: readonly PeerRule[];
  readonly addressPools: readonly string[];
  /** Whose rights the engine gets; absent when the caller is unprivileged. */
  readonly user: AppUser | undefined;
}
