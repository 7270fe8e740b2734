/** Counts what goes through the ports of the guest. */
import type { Protocol } from '../os/socket.ts';
import type { PortTraffic } from './messages.ts';

/** Of one port; who moves bytes adds them up here. */
export class TrafficCounter {
  /** Connections; of UDP datagrams that have come. */
  accepted = 0;
  /** Bytes that the guest has received. */
  received = 0;
  /** Bytes that the guest has sent. */
  sent = 0;
}

export class Traffic {
  readonly #counters: Readonly<Record<Protocol, Map<number, TrafficCounter>>> = {
    tcp: new Map(),
    udp: new Map(),
  };
  readonly #forwarded: Readonly<Record<Protocol, Set<number>>> = { tcp: new Set(), udp: new Set() };

  /** The counter of a port; one for all its sockets. */
  of(protocol: Protocol, port: number): TrafficCounter {
    const counters = this.#counters[protocol];
    const counter = counters.get(port) ?? new TrafficCounter();
    counters.set(port, counter);
    return counter;
  }

  /** A forward leads to a port: it is told of from now on, and all its traffic before, too. */
  forward(protocol: Protocol, port: number): void {
    this.#forwarded[protocol].add(port);
  }

  /** What went through the ports that forwards lead to, or have led to. */
  report(): PortTraffic[] {
    return (['tcp', 'udp'] as const).flatMap((protocol) =>
      Array.from(this.#forwarded[protocol], (port) => {
        const { accepted, received, sent } = this.of(protocol, port);
        return { protocol, port, accepted, received, sent };
      }),
    );
  }
}
