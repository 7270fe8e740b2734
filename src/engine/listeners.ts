/**
 * Listening sockets. One listener of the guest can stand for several host sockets: its own in the
 * sandbox's namespace, the host ports handed off for it, and a companion that makes a loopback-only
 * listener reachable through its forward. The guest accepts from all of them and cannot tell.
 */
import { errno } from '../os/libc.ts';
import type { Connections } from './connections.ts';
import { FILETYPE } from './descriptor.ts';
import { EAGAIN, EINTR, EINVAL, WASI, failure, toWasi } from './errno.ts';
import * as libc from './libc.ts';
import type { GoMessage, LaunchMessage } from './messages.ts';
import type { Poller } from './poll.ts';
import { NEVER_READY, POLLIN } from './poll-events.ts';
import { PortHandover } from './port-handover.ts';
import type { PortHandoverOptions } from './port-handover.ts';
import { ports } from './ports.ts';
import { AF_INET, ipv4Bytes, isLoopback } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, Socket, StreamSocket } from './sockets.ts';
import type { Traffic, TrafficCounter } from './traffic.ts';

/** socket.h, netinet/tcp.h */
const SO_REUSEADDR = 2;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** listen(2): the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;
const ON = new Int32Array([1]);

/** A listening socket of the guest. */
export class Listener extends Socket {
  override readonly filetype = FILETYPE.socketStream;
  /** What it accepts from: the sandbox's own socket first, where that is real. */
  readonly #sources: number[];
  /** What to wait for: the sources, or what is never ready. Changes while it is waited for. */
  readonly #polled: number[] = [];
  readonly #connections: Connections;
  readonly #traffic: TrafficCounter;
  readonly #release: () => number;
  readonly #announce: () => void;
  #announced = false;
  #isPaused = false;
  /** Source to try first, so that none starves. */
  #turn = 0;

  constructor(
    own: number,
    {
      sources,
      poller,
      connections,
      traffic,
    }: { sources: readonly number[]; traffic: TrafficCounter } & Pick<
      ListenerOptions,
      'poller' | 'connections'
    >,
    hooks: { announce: () => void; release: () => number },
  ) {
    super(own, poller);
    this.#sources = [...sources];
    this.#connections = connections;
    this.#traffic = traffic;
    this.#announce = hooks.announce;
    this.#release = hooks.release;
    this.#change();
  }

  override pollFds(): readonly number[] {
    this.#reportOnce();
    return this.#polled;
  }

  protected override closeHost(): number {
    return this.#release();
  }

  /** One more host socket to accept from. */
  add(source: number): void {
    this.#sources.push(source);
    this.#change();
  }

  remove(source: number): void {
    this.#sources.splice(this.#sources.indexOf(source), 1);
    this.#change();
  }

  /** What it stands for has changed: whoever was told of it is told again. */
  announceAgain(): void {
    if (this.#announced) this.#announce();
  }

  /** Accepts nothing from now on; the guest waits in vain. */
  pause(): void {
    this.#isPaused = true;
    this.#change();
  }

  /** The next connection, or a negated errno (EAGAIN for a non-blocking listener with none). */
  accept(): StreamSocket | number {
    this.#reportOnce();
    for (;;) {
      for (let tried = 0; tried < this.#sources.length && !this.#isPaused; tried += 1) {
        const source = this.#sources[this.#turn]!;
        this.#turn = (this.#turn + 1) % this.#sources.length;
        const fd = libc.accept4(source, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
          const origin = { listener: source, traffic: this.#traffic };
          return this.#connections.accept(fd, this.poller, origin);
        }
        const code = errno();
        // The supervisor has ended a host port, and said so: it is no source any more from the next wait on.
        const isOver = code === EINVAL && source !== this.hostFd;
        if (code !== EAGAIN && code !== EINTR && !isOver) return -toWasi(code);
      }
      if (this.nonBlocking) return -WASI.EAGAIN;
      this.poller.wait(this.#polled, POLLIN);
    }
  }

  #change(): void {
    this.#turn = 0;
    const isIdle = this.#isPaused || this.#sources.length === 0;
    this.#polled.splice(0, this.#polled.length, ...(isIdle ? [NEVER_READY] : this.#sources));
    this.watcher?.changed();
  }

  /** The guest is at its first accept, or waits for it: it really listens. */
  #reportOnce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#announce();
  }
}

export interface ListenerOptions extends PortHandoverOptions, Pick<LaunchMessage, 'handed'> {
  readonly poller: Poller;
  readonly connections: Connections;
  readonly traffic: Traffic;
  readonly sandboxAddress: GoMessage['sandboxAddress'];
}

interface Listening {
  readonly listener: Listener;
  /** Sockets that listen on the sandbox's address in its stead; there may be some later. */
  readonly companions: number[];
  /** It listens on the sandbox's own loopback only. */
  readonly isInward: boolean;
}

/** Makes listeners and knows which host ports lead to them. */
export class ListenerFactory {
  readonly #options: ListenerOptions;
  /** Handed-off host listeners by process port, then by the id the supervisor knows them by. */
  readonly #handed = new Map<number, Map<number, number>>();
  readonly #handover: PortHandover;
  /** Who accepts from what was handed off for a port: the first of the guest's listeners there. */
  readonly #listening = new Map<number, Listening>();
  readonly #all = new Set<Listener>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#handover = new PortHandover('tcp', options);
    for (const { fd, id, processPort } of options.handed) this.#keep(fd, id, processPort);
  }

  /** bind(2) on a socket of the guest; a port that an earlier engine listened on is taken over. */
  bind(socket: StreamSocket, address: SocketAddress): number {
    return this.#handover.takeInto(socket.hostFd, address.port) ?? socket.bind(address);
  }

  /** listen(2) on a bound socket; the result takes the socket's place in the descriptor table. */
  listen(socket: StreamSocket, backlog: number): Listener | number {
    if (!socket.mayListen) return -WASI.EINVAL;
    const result = ports().listen(socket.hostFd, backlog);
    if (result < 0) return result;
    const address = socket.localAddress();
    if (typeof address === 'number') return address;
    const isInward = isLoopback(address.ip);
    const needsCompanion = isInward && this.#handed.has(address.port);
    const companions =
      this.#handover.takeRest(address.port) ??
      (needsCompanion ? this.#listenOnSandboxAddress(address.port) : []);
    const listener = this.#assemble(socket.hostFd, address.port, { companions: [...companions], isInward });
    listener.flags = socket.flags;
    return listener;
  }

  /** A listener on every address of the sandbox, for modules that can only accept. */
  preopen(port: number): Listener | number {
    const [inherited, ...companions] = this.#handover.takeRest(port) ?? [];
    const fd = inherited ?? openListening(new Uint8Array(4), port);
    if (fd < 0) return fd;
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON, 4);
    return this.#assemble(fd, port, { companions, isInward: false });
  }

  /** One more host port leads to a port of the guest. */
  attach(fd: number, id: number, processPort: number): void {
    this.#keep(fd, id, processPort);
    const listening = this.#listening.get(processPort);
    if (listening === undefined) return;
    const { listener, companions, isInward } = listening;
    listener.add(fd);
    if (!isInward || companions.length > 0 || !ports().areReal) return;
    companions.push(...this.#listenOnSandboxAddress(processPort));
    for (const companion of companions) listener.add(companion);
    listener.announceAgain();
  }

  /**
   * A host port leads here no more.
   * @param cut - connections that were accepted end; else they go on
   */
  detach(id: number, cut: boolean): void {
    for (const [port, handed] of this.#handed) {
      const fd = handed.get(id);
      if (fd === undefined) continue;
      this.#listening.get(port)?.listener.remove(fd);
      handed.delete(id);
      this.#options.connections.forgetListener(fd, cut);
      libc.close(fd);
    }
  }

  /** No listener accepts any more. */
  pause(): void {
    for (const listener of this.#all) listener.pause();
  }

  #keep(fd: number, id: number, processPort: number): void {
    // The ABIs without setsockopt could never turn Nagle's delay off; accepted sockets inherit this.
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON, 4);
    this.#options.traffic.forward('tcp', processPort);
    const handed = this.#handed.get(processPort) ?? new Map<number, number>();
    this.#handed.set(processPort, handed.set(id, fd));
  }

  #assemble(own: number, port: number, { companions, isInward }: Omit<Listening, 'listener'>): Listener {
    const { poller, connections, traffic } = this.#options;
    const isFirst = !this.#listening.has(port);
    const handed = isFirst ? (this.#handed.get(port)?.values() ?? []) : [];
    const sources = ports().areReal ? [own, ...companions, ...handed] : [...handed];
    const listener = new Listener(
      own,
      { sources, poller, connections, traffic: traffic.of('tcp', port) },
      {
        announce: () => this.#handover.announce(port, [own, ...companions]),
        release: () => {
          // The handed-off sockets stay open for the guest's next listener on this port.
          if (this.#listening.get(port)?.listener === listener) this.#listening.delete(port);
          this.#all.delete(listener);
          for (const fd of companions) libc.close(fd);
          return ports().close(own);
        },
      },
    );
    if (isFirst) this.#listening.set(port, { listener, companions, isInward });
    this.#all.add(listener);
    return listener;
  }

  /** A loopback-only service (Flask's default) is reached through the sandbox's address, on its own port only. */
  #listenOnSandboxAddress(port: number): number[] {
    const { sandboxAddress } = this.#options;
    if (sandboxAddress === undefined) return [];
    const fd = openListening(ipv4Bytes(sandboxAddress), port);
    return fd < 0 ? [] : [fd];
  }
}

/** socket, bind and listen on an IPv4 address; returns the descriptor or a negated errno. */
const openListening = (ip: Uint8Array, port: number): number => {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure();
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, 4);
  const bound = ports().bind(fd, { ip, port });
  const result = bound < 0 ? bound : ports().listen(fd, BACKLOG);
  if (result >= 0) return fd;
  ports().close(fd);
  return result;
};
