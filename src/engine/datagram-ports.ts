/** Which ports of UDP are forwarded, and by what else than their own socket datagrams for them come. */
import type { Control } from './control.ts';
import { DatagramChannel } from './datagram-channel.ts';
import { KernelPath } from './datagram-path.ts';
import * as libc from './libc.ts';
import type { GoMessage, HandedChannel } from './messages.ts';
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

export class DatagramPorts {
  readonly #control: Control;
  readonly #sandboxAddress: string | undefined;
  /** By process port; a channel belongs to one guest socket at a time. */
  readonly #channels: Map<number, DatagramChannel>;
  readonly #announced = new Set<number>();

  constructor(
    poller: Poller,
    control: Control,
    channels: readonly HandedChannel[],
    go: Pick<GoMessage, 'sandboxAddress'>,
  ) {
    this.#control = control;
    this.#sandboxAddress = go.sandboxAddress;
    this.#channels = new Map(
      channels.map(({ fd, processPort }) => [processPort, new DatagramChannel(fd, poller)]),
    );
  }

  /**
   * A guest has bound a socket.
   * @param wanted - the port it asked for, 0 for any
   */
  claim(local: SocketAddress, wanted: number): ForwardedPort | undefined {
    const { ip, port } = local;
    const channel = this.#channels.get(port);
    // A port the kernel chose is a client's own, nothing that others would send to.
    if (channel !== undefined || wanted !== 0) this.#announce(port);
    if (channel === undefined) return undefined;
    this.#channels.delete(port);
    const companion = isLoopback(ip) ? this.#bindToSandboxAddress(port) : undefined;
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

  #announce(port: number): void {
    if (this.#announced.has(port)) return;
    this.#announced.add(port);
    this.#control.send({ type: 'listening', protocol: 'udp', port, sockets: 0 });
  }

  /** Undefined where there is no such address, or the guest has bound that itself. */
  #bindToSandboxAddress(port: number): KernelPath | undefined {
    if (this.#sandboxAddress === undefined) return undefined;
    const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    const { bytes, length } = new SockaddrBuffer().set({ ip: ipv4Bytes(this.#sandboxAddress), port });
    if (libc.bind(fd, bytes, length[0]!) === 0) return new KernelPath(fd);
    libc.close(fd);
    return undefined;
  }
}
