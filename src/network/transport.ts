/**
 * A transport carries connections from a held host port to a port inside a sandbox. The host port
 * itself is always held by a real listening socket (see host-listener.ts) that the engine also
 * accepts from; a transport may add a faster path on top of that.
 */

/** A forward whose host port is held: port 0 has been replaced by the port the kernel gave. */
export interface HeldForward {
  /** Host addresses it is held on, e.g. `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[];
  /** Host port, 1–65535. */
  readonly hostPort: number;
  /** Port inside the sandbox, 1–65535. */
  readonly processPort: number;
  readonly protocol: 'tcp';
}

/** The sandbox a forward leads into. */
export interface Target {
  /** Host side interface of the veth pair. */
  readonly veth: string;
  /** The sandbox's own IPv4 address. */
  readonly sandboxAddress: string;
}

export type TransportName = 'nftables' | 'handoff';

export type ProbeResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly hint?: string };

export interface Transport {
  readonly name: TransportName;
  /** Can this transport work here? Changes nothing. */
  probe(): Promise<ProbeResult>;
  /** Opens the path; disposing closes it for new connections, established ones go on. */
  open(forward: HeldForward, target: Target): Promise<AsyncDisposable>;
}
