/**
 * A transport carries connections and datagrams from a held host port to a port inside a sandbox. The
 * host port itself is always held by a real socket (see host-listener.ts): a listening one of TCP is
 * accepted from by the engine too, one of UDP is relayed (see datagram-relay.ts). A transport may add a
 * faster path on top of that.
 */

import type { ProbeResult } from '../os/probe.ts';
import type { Protocol } from '../os/socket.ts';
import type { Link } from './namespace.ts';
import type { Firewall, FirewallName } from './firewall.ts';
import type { Refusal } from './refusal.ts';

/** A forward whose host port is held: port 0 has been replaced by the port the kernel gave. */
export interface HeldForward {
  /** Host addresses it is held on, e.g. `127.0.0.1` and `::1`. */
  readonly addresses: readonly string[];
  /** Host port, 1–65535. */
  readonly hostPort: number;
  /** Port inside the sandbox, 1–65535. */
  readonly processPort: number;
  readonly protocol: Protocol;
  /**
   * A second port of 127.0.0.1 that is held and leads to the same process port, for a transport that
   * {@link Transport.needsLandingPort}.
   */
  readonly landingPort?: number;
}

/** The sandbox a forward leads into. */
export interface Target {
  /** Name of the sandbox with its prefix, unique on this host: `wasmrun-web`. */
  readonly name: string;
  /** Its link to the host; absent where it has no address of its own, and the held sockets are all that leads in. */
  readonly link?: Pick<Link, 'veth' | 'sandboxAddress'> | undefined;
  /** The wall it stands behind; absent where there is none. */
  readonly firewall?: Firewall | undefined;
}

/** What leads connections from a host port into a sandbox. */
export type TransportName = FirewallName | 'pf' | 'handoff';

/** What can be told to carry a forward: where no transport does, the held socket alone. */
export type Carrier = TransportName | 'relay';

/** An open path; disposing closes it for new connections, established ones go on. */
export interface OpenForward extends AsyncDisposable {
  /** Why the transport does not carry this forward after all: the held listener alone serves it. */
  readonly fallback?: Refusal;
}

export interface Transport {
  readonly name: TransportName;
  /** The firewall whose redirections it uses, which then is the sandbox's wall too; absent: any will do. */
  readonly firewall?: FirewallName;
  /** Does it redirect to a port of the host itself, so that each forward of TCP needs one more listener? */
  readonly needsLandingPort?: true;
  /** Does it add a path of its own for this forward? Else the held socket alone serves it: handoff or relay. */
  carries(forward: Pick<HeldForward, 'addresses' | 'protocol'>): boolean;
  /** Can this transport work here? Changes nothing. */
  probe(): Promise<ProbeResult>;
  open(forward: HeldForward, target: Target): Promise<OpenForward>;
}

/**
 * What really carries a forward.
 * @param transport - undefined where it turned out not to
 */
export const carrierOf = (
  forward: Pick<HeldForward, 'addresses' | 'protocol'>,
  transport: Transport | undefined,
): Carrier => {
  // The handoff hands listening sockets over, never those of UDP.
  if (transport !== undefined && transport.name !== 'handoff' && transport.carries(forward))
    return transport.name;
  return forward.protocol === 'tcp' ? 'handoff' : 'relay';
};
