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
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockets.ts';

/** What a socket gets with a forwarded port. */
export interface ForwardedPort {
  readonly channel: DatagramChannel;
  /** Receives what comes to the sandbox's own address, where the socket itself is bound to the loopback. */
  readonly companion: KernelPath | undefined;
  /** Gives the port back, for the guest's next socket on it. */
  release(): void;
}

export interface DatagramPortsOptions extends PortHandoverOptions, Pick<LaunchMessage, 'channels'> {
  readonly poller: Poller;
  readonly sandboxAddress: GoMessage['sandboxAddress'];
}

export class DatagramPorts {
  readonly #options: DatagramPortsOptions;
  /** By process port; a channel belongs to one guest socket at a time. */
  readonly #channels: Map<number, DatagramChannel>;
  readonly #handover: PortHandover;
  readonly #announced = new Set<number>();

  constructor(options: DatagramPortsOptions) {
    this.#options = options;
    const { channels, poller } = options;
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
  claim(hostFd: number, { ip, port }: SocketAddress, wanted: number): ForwardedPort | undefined {
    const channel = this.#channels.get(port);
    const isForwarded = channel !== undefined;
    const companion = isForwarded && isLoopback(ip) ? this.#companion(port) : undefined;
    // A port the kernel chose is a client's own, nothing that others would send to.
    if (isForwarded || wanted !== 0) {
      this.#announce(port, companion === undefined ? [hostFd] : [hostFd, companion.hostFd]);
    }
    if (channel === undefined) return undefined;
    this.#channels.delete(port);
    return {
      channel,
      companion,
      release: () => {
        channel.disconnect();
        companion?.close();
        this.#channels.set(port, channel);
      },
    };
  }

  #announce(port: number, own: readonly number[]): void {
    if (this.#announced.has(port)) return;
    this.#announced.add(port);
    this.#handover.announce(port, own);
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
