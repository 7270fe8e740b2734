/** Which ports of UDP are forwarded, and by what else than their own socket datagrams for them come. */
import { DatagramChannel } from './datagram-channel.ts';
import { KernelPath } from './datagram-path.ts';
import * as libc from './libc.ts';
import { PortHandover } from './port-handover.ts';
import type { PortHandoverOptions } from './port-handover.ts';
import { ports } from './ports.ts';
import type { GoMessage, LaunchMessage } from './messages.ts';
import type { Poller } from './poll.ts';
import { AF_INET, SockaddrBuffer, ipv4Bytes, isLoopback } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import type { Traffic, TrafficCounter } from './traffic.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockets.ts';

/** What a socket gets with a forwarded port. */
export interface ForwardedPort {
  readonly channel: DatagramChannel;
  /** Receives what comes to the sandbox's own address, where the socket itself is bound to the loopback. */
  readonly companion: KernelPath | undefined;
}

/** A bound socket of the guest. */
export interface PortHolder {
  readonly hostFd: number;
  /** A forward leads to its port; this may happen long after it was bound. */
  forward(port: ForwardedPort): void;
  /** Takes nothing more from its port, which is another engine's too. */
  pause(): void;
}

interface Holding {
  readonly holder: PortHolder;
  /** What the holder is bound to. */
  readonly address: SocketAddress;
  forwarded?: ForwardedPort;
}

export interface DatagramPortsOptions extends PortHandoverOptions, Pick<LaunchMessage, 'channels'> {
  readonly poller: Poller;
  readonly traffic: Traffic;
  readonly sandboxAddress: GoMessage['sandboxAddress'];
}

export class DatagramPorts {
  readonly #options: DatagramPortsOptions;
  /** By process port. */
  readonly #channels: Map<number, DatagramChannel>;
  /** Who has a port, and its channel where there is one: the first of the guest's sockets on it. */
  readonly #holdings = new Map<number, Holding>();
  readonly #handover: PortHandover;
  readonly #announced = new Set<number>();

  constructor(options: DatagramPortsOptions) {
    this.#options = options;
    const { channels, poller, traffic } = options;
    for (const { processPort } of channels) traffic.forward('udp', processPort);
    this.#channels = new Map(
      channels.map(({ fd, processPort }) => [processPort, new DatagramChannel(fd, poller)]),
    );
    this.#handover = new PortHandover('udp', options);
  }

  /** bind(2) on a socket of the guest; a port that an earlier engine had bound is taken over. */
  bind(hostFd: number, address: SocketAddress): number {
    return this.#handover.takeInto(hostFd, address.port) ?? ports().bind(hostFd, address);
  }

  /**
   * A guest has bound a socket.
   * @param wanted - the port it asked for, 0 for any
   */
  claim(holder: PortHolder, address: SocketAddress, wanted: number): void {
    const { port } = address;
    const channel = this.#channels.get(port);
    // A port the kernel chose is a client's own, nothing that others would send to.
    if (channel === undefined && wanted === 0) return;
    const holding = { holder, address };
    const isFirst = !this.#holdings.has(port);
    if (isFirst) this.#holdings.set(port, holding);
    const companion = isFirst && channel !== undefined ? this.#forward(holding, channel) : undefined;
    if (this.#announced.has(port)) return;
    this.#announce(holding, companion);
  }

  /** A socket is about to be closed: its port is free for the guest's next one. */
  release(holder: PortHolder): void {
    for (const [port, { holder: owner, forwarded }] of this.#holdings) {
      if (owner !== holder) continue;
      this.#holdings.delete(port);
      forwarded?.channel.disconnect();
      forwarded?.companion?.close();
    }
  }

  /** Counts what goes through the sockets of a port. */
  trafficOf(port: number): TrafficCounter {
    return this.#options.traffic.of('udp', port);
  }

  /** The next engine has the ports from now on; what leaves by them still does. */
  pause(): void {
    for (const { holder } of this.#holdings.values()) holder.pause();
  }

  /** Host ports lead to a process port from now on. */
  attach(fd: number, processPort: number): void {
    const channel = new DatagramChannel(fd, this.#options.poller);
    this.#options.traffic.forward('udp', processPort);
    this.#channels.set(processPort, channel);
    const holding = this.#holdings.get(processPort);
    if (holding === undefined) return;
    const companion = this.#forward(holding, channel);
    // The next engine is to have both.
    if (companion !== undefined) this.#announce(holding, companion);
  }

  #forward(holding: Holding, channel: DatagramChannel): KernelPath | undefined {
    const { ip, port } = holding.address;
    const companion = isLoopback(ip) ? this.#companion(port) : undefined;
    holding.forwarded = { channel, companion };
    holding.holder.forward(holding.forwarded);
    return companion;
  }

  #announce({ holder, address: { port } }: Holding, companion: KernelPath | undefined): void {
    this.#announced.add(port);
    const { hostFd } = holder;
    this.#handover.announce(port, companion === undefined ? [hostFd] : [hostFd, companion.hostFd]);
  }

  #companion(port: number): KernelPath | undefined {
    const inherited = this.#handover.take(port);
    return inherited === undefined ? this.#bindToSandboxAddress(port) : new KernelPath(inherited);
  }

  /** Undefined where there is no such address, or the guest has bound that itself. */
  #bindToSandboxAddress(port: number): KernelPath | undefined {
    const { sandboxAddress } = this.#options;
    if (sandboxAddress === undefined) return undefined;
    const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    const { bytes, length } = new SockaddrBuffer().set({ ip: ipv4Bytes(sandboxAddress), port });
    if (libc.bind(fd, bytes, length[0]!) === 0) return new KernelPath(fd);
    libc.close(fd);
    return undefined;
  }
}
