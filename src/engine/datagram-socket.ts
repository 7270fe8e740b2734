/**
 * A guest's socket of UDP. Its datagrams come by its own socket in the sandbox's namespace and, where its
 * port is forwarded, also from the supervisor and by a companion on the sandbox's address; answers leave by
 * the way that leads to their receiver. The guest cannot tell.
 */
import type { Broker } from './broker.ts';
import type { DatagramChannel } from './datagram-channel.ts';
import { KernelPath } from './datagram-path.ts';
import type { DatagramPath, ReceivedDatagram } from './datagram-path.ts';
import type { DatagramPorts, ForwardedPort, PortHolder } from './datagram-ports.ts';
import { FILETYPE } from './descriptor.ts';
import { WASI } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { NEVER_READY, POLLIN, POLLOUT } from './poll-events.ts';
import type { Poller } from './poll.ts';
import { fromMapped, isLoopback, toMapped } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import { MSG_PEEK, Socket } from './sockets.ts';
import type { TrafficCounter } from './traffic.ts';
import { RELAYED_ADDRESS } from '../os/datagram-frame.ts';

/** Always ready, see {@link Socket.pollFds}. */
const READY: readonly number[] = [];

export class DatagramSocket extends Socket implements PortHolder {
  override readonly filetype = FILETYPE.socketDatagram;
  readonly #ports: DatagramPorts;
  readonly #own: KernelPath;
  #forwarded: ForwardedPort | undefined;
  /** Of its port, once it has one that others may send to. */
  #traffic: TrafficCounter | undefined;
  #isIPv6 = false;
  /** All paths, or the one that leads to the connected peer. */
  #paths: readonly DatagramPath[];
  /** What is received from. */
  #sources: readonly DatagramPath[];
  /** Changes while it is waited for. */
  readonly #sourceFds: number[];
  #isConnected = false;
  #isPaused = false;
  /** Source to try first, so that none starves. */
  #turn = 0;

  constructor(hostFd: number, poller: Poller, ports: DatagramPorts) {
    super(hostFd, poller);
    this.#ports = ports;
    this.#own = new KernelPath(hostFd);
    this.#paths = [this.#own];
    this.#sources = this.#paths;
    this.#sourceFds = [hostFd];
  }

  get #channel(): DatagramChannel | undefined {
    return this.#forwarded?.channel;
  }

  bind(address: SocketAddress): number {
    const bound = this.#ports.bind(this.hostFd, address);
    if (bound < 0) return bound;
    const local = this.localAddress();
    if (typeof local === 'number') return local;
    this.#isIPv6 = local.ip.length === 16;
    this.#traffic = this.#ports.trafficOf(local.port);
    this.#ports.claim(this, local, address.port);
    return 0;
  }

  forward(port: ForwardedPort): void {
    this.#forwarded = port;
    const { companion, channel } = port;
    if (this.#isConnected) return;
    this.#receiveFrom(companion === undefined ? [this.#own, channel] : [this.#own, companion, channel]);
  }

  pause(): void {
    this.#isPaused = true;
    this.#receiveFrom(this.#paths);
  }

  connect(peer: SocketAddress, broker: Broker): number {
    const path = this.#pathTo(peer);
    const result = path.connect(this.#outward(path, peer), broker);
    if (result < 0) return result;
    this.#isConnected = true;
    this.#receiveFrom([path]);
    return 0;
  }

  override pollFds(): readonly number[] {
    const channel = this.#channel;
    return channel?.isReady === true && this.#sources.includes(channel) ? READY : this.#sourceFds;
  }

  protected override closeHost(): number {
    this.#ports.release(this);
    return super.closeHost();
  }

  override peerAddress(): SocketAddress | number {
    const path = this.#isConnected ? this.#paths[0]! : this.#own;
    const peer = path.peerAddress();
    return typeof peer === 'number' ? peer : this.#inward(path, peer);
  }

  override send(memory: GuestMemory): number {
    return this.sendTo(memory, undefined);
  }

  override receive(memory: GuestMemory, flags: number): number {
    const result = this.receiveFrom(memory, flags);
    return typeof result === 'number' ? result : result.length;
  }

  /** Sends the loaded iovecs as one datagram; without `to` to the connected peer. */
  sendTo(memory: GuestMemory, to: SocketAddress | undefined): number {
    const connected = this.#isConnected ? this.#paths[0]! : this.#own;
    const path = to === undefined ? connected : this.#pathTo(to);
    const receiver = to === undefined ? undefined : this.#outward(path, to);
    for (;;) {
      const length = path.send(memory, receiver);
      if (length >= 0 && this.#traffic !== undefined) this.#traffic.sent += length;
      if (length !== -WASI.EAGAIN) return length;
      // A full channel takes no part in the guest's poll for writing: its datagram is lost, as any may be.
      if (this.nonBlocking) return path === this.#channel ? memory.iovTotal : length;
      this.poller.wait([path.hostFd], POLLOUT);
    }
  }

  /** Fills the loaded iovecs with the next datagram; `flags` are MSG_* bits. */
  receiveFrom(memory: GuestMemory, flags: number): ReceivedDatagram | number {
    for (;;) {
      for (let tried = 0; tried < this.#sources.length; tried += 1) {
        const source = this.#sources[this.#turn]!;
        const datagram = source.receive(memory, flags);
        // What was only looked at is what the next call has to find.
        if (typeof datagram === 'number' || (flags & MSG_PEEK) === 0) {
          this.#turn = (this.#turn + 1) % this.#sources.length;
        }
        if (typeof datagram !== 'number') {
          if ((flags & MSG_PEEK) === 0) this.#count(datagram.length);
          return { ...datagram, from: this.#inward(source, datagram.from) };
        }
        if (datagram !== -WASI.EAGAIN) return datagram;
      }
      if (this.nonBlocking) return -WASI.EAGAIN;
      this.poller.wait(this.#sourceFds, POLLIN);
    }
  }

  #count(received: number): void {
    if (this.#traffic === undefined) return;
    this.#traffic.accepted += 1;
    this.#traffic.received += received;
  }

  #receiveFrom(paths: readonly DatagramPath[]): void {
    this.#paths = paths;
    // The channel is this engine's alone: what is in it would be lost.
    this.#sources = this.#isPaused ? paths.filter((path) => path === this.#channel) : paths;
    const fds = this.#sources.length === 0 ? [NEVER_READY] : this.#sources.map(({ hostFd }) => hostFd);
    this.#sourceFds.splice(0, this.#sourceFds.length, ...fds);
    this.#turn = 0;
    this.watcher?.changed();
  }

  #pathTo({ ip }: SocketAddress): DatagramPath {
    if (this.#forwarded === undefined) return this.#own;
    const { channel, companion } = this.#forwarded;
    const plain = fromMapped(ip);
    if (Buffer.compare(plain, RELAYED_ADDRESS) === 0) return channel;
    return companion === undefined || isLoopback(plain) ? this.#own : companion;
  }

  /** Other paths than the own socket speak IPv4, whatever the guest's socket does. */
  #outward(path: DatagramPath, { ip, port }: SocketAddress): SocketAddress {
    return { ip: path === this.#own ? ip : fromMapped(ip), port };
  }

  #inward(path: DatagramPath, { ip, port }: SocketAddress): SocketAddress {
    return { ip: path === this.#own || !this.#isIPv6 ? ip : toMapped(ip), port };
  }
}
