/** Which ports of UDP are forwarded, and by what else than their own socket datagrams for them come. */
import type { Control } from './control.ts';
import type { DescriptorChannel } from './descriptor-channel.ts';
import { DatagramChannel } from './datagram-channel.ts';
import { KernelPath } from './datagram-path.ts';
import { failure } from './errno.ts';
import * as libc from './libc.ts';
import { ports } from './ports.ts';
import type { GoMessage, LaunchMessage } from './messages.ts';
import type { Poller } from './poll.ts';
import { AF_INET, SockaddrBuffer, ipv4Bytes, isLoopback } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import { O_CLOEXEC, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockets.ts';

/** What a socket gets with a forwarded port. */
export interface ForwardedPort {
  readonly channel: DatagramChannel;
  /** Receives what comes to the sandbox's own address, where the socket itself is bound to the loopback. */
  readonly companion: KernelPath | undefined;
  /** Gives the port back, for the guest's next socket on it. */
  release(): void;
}

export interface DatagramPortsOptions extends Pick<
  LaunchMessage,
  'channels' | 'inherited' | 'keepListeners'
> {
  readonly poller: Poller;
  readonly control: Control;
  readonly channel: DescriptorChannel;
  readonly sandboxAddress: GoMessage['sandboxAddress'];
}

export class DatagramPorts {
  readonly #options: DatagramPortsOptions;
  /** By process port; a channel belongs to one guest socket at a time. */
  readonly #channels: Map<number, DatagramChannel>;
  /** Bound sockets of an earlier engine, by port: the guest's, then its companion. */
  readonly #inherited: Map<number, number[]>;
  readonly #announced = new Set<number>();

  constructor(options: DatagramPortsOptions) {
    this.#options = options;
    const { channels, inherited, poller } = options;
    this.#channels = new Map(
      channels.map(({ fd, processPort }) => [processPort, new DatagramChannel(fd, poller)]),
    );
    const own = inherited.filter(({ protocol }) => protocol === 'udp');
    this.#inherited = new Map(
      [...Map.groupBy(own, ({ port }) => port)].map(([port, all]) => [port, all.map(({ fd }) => fd)]),
    );
  }

  /** bind(2) on a socket of the guest; a port that an earlier engine had bound is taken over. */
  bind(hostFd: number, address: SocketAddress): number {
    const inherited = this.#inherited.get(address.port)?.shift();
    if (inherited === undefined) return ports().bind(hostFd, address);
    const result = libc.dup3(inherited, hostFd, O_CLOEXEC);
    libc.close(inherited);
    return result < 0 ? failure() : 0;
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
    const { control, channel, keepListeners } = this.#options;
    const sockets = keepListeners ? own.filter((fd) => channel.send(fd)).length : 0;
    control.send({ type: 'listening', protocol: 'udp', port, sockets });
  }

  #companion(port: number): KernelPath | undefined {
    const inherited = this.#inherited.get(port)?.shift();
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
