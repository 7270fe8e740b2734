/**
 * Listening sockets. One listener of the guest can stand for several host sockets: its own in the
 * sandbox's namespace, the host ports handed off for it, and a companion that makes a loopback-only
 * listener reachable through its forward. The guest accepts from all of them and cannot tell.
 */
import { errno } from '../os/libc.ts';
import type { Control } from './control.ts';
import { EAGAIN, EINTR, WASI, failure, toWasi } from './errno.ts';
import * as libc from './libc.ts';
import type { GoMessage, HandedListener } from './messages.ts';
import type { Poller } from './poll.ts';
import { POLLIN } from './poll.ts';
import { AF_INET, SockaddrBuffer, ipv4Bytes, isLoopback } from './socket-address.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, Socket, StreamSocket } from './sockets.ts';
import { FILETYPE } from './descriptor.ts';

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
  /** The sandbox's own socket first. */
  readonly #sources: readonly number[];
  readonly #release: () => number;
  readonly #announce: () => void;
  #announced = false;
  /** Source to try first, so that none starves. */
  #turn = 0;

  constructor(
    sources: readonly [number, ...number[]],
    poller: Poller,
    hooks: { announce: () => void; release: () => number },
  ) {
    super(sources[0], poller);
    this.#sources = sources;
    this.#announce = hooks.announce;
    this.#release = hooks.release;
  }

  override pollFds(): readonly number[] {
    this.#reportOnce();
    return this.#sources;
  }

  override close(): number {
    return this.#release();
  }

  /** The next connection, or a negated errno (EAGAIN for a non-blocking listener with none). */
  accept(): StreamSocket | number {
    this.#reportOnce();
    for (;;) {
      for (let tried = 0; tried < this.#sources.length; tried += 1) {
        const source = this.#sources[this.#turn]!;
        this.#turn = (this.#turn + 1) % this.#sources.length;
        const fd = libc.accept4(source, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) return new StreamSocket(fd, this.poller, 'listener');
        const code = errno();
        if (code !== EAGAIN && code !== EINTR) return -toWasi(code);
      }
      if (this.nonBlocking) return -WASI.EAGAIN;
      this.poller.wait(this.#sources, POLLIN);
    }
  }

  /** The guest is at its first accept, or waits for it: it really listens. */
  #reportOnce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#announce();
  }
}

/** Makes listeners and knows which host ports lead to them. */
export class ListenerFactory {
  readonly #poller: Poller;
  readonly #control: Control;
  /** Handed-off host listeners by process port; each belongs to one guest listener at a time. */
  readonly #handed = new Map<number, number[]>();
  readonly #sandboxAddress: string | undefined;

  constructor(
    poller: Poller,
    control: Control,
    handed: readonly HandedListener[],
    go: Pick<GoMessage, 'sandboxAddress'>,
  ) {
    this.#poller = poller;
    this.#control = control;
    this.#sandboxAddress = go.sandboxAddress;
    for (const { fd, processPort } of handed) {
      // The ABIs without setsockopt could never turn Nagle's delay off; accepted sockets inherit this.
      libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON, 4);
      this.#handed.set(processPort, [...(this.#handed.get(processPort) ?? []), fd]);
    }
  }

  /** listen(2) on a bound socket; the result takes the socket's place in the descriptor table. */
  listen(socket: StreamSocket, backlog: number): Listener | number {
    if (!socket.mayListen) return -WASI.EINVAL;
    if (libc.listen(socket.hostFd, backlog) < 0) return failure();
    const address = socket.localAddress();
    if (typeof address === 'number') return address;
    const handed = this.#handed.get(address.port) ?? [];
    const companion =
      isLoopback(address.ip) && handed.length > 0 ? this.#listenOnSandboxAddress(address.port) : [];
    const listener = this.#assemble(socket.hostFd, address.port, companion);
    listener.flags = socket.flags;
    return listener;
  }

  /** A listener on every address of the sandbox, for modules that can only accept. */
  preopen(port: number): Listener | number {
    const fd = openListening(new Uint8Array(4), port);
    if (fd < 0) return fd;
    libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ON, 4);
    return this.#assemble(fd, port, []);
  }

  #assemble(own: number, port: number, companion: readonly number[]): Listener {
    const handed = this.#handed.get(port) ?? [];
    this.#handed.delete(port);
    return new Listener([own, ...companion, ...handed], this.#poller, {
      announce: () => this.#control.send({ type: 'listening', protocol: 'tcp', port }),
      release: () => {
        // The handed-off sockets stay open for the guest's next listener on this port.
        if (handed.length > 0) this.#handed.set(port, handed);
        for (const fd of companion) libc.close(fd);
        return libc.close(own) < 0 ? failure() : 0;
      },
    });
  }

  /** A loopback-only service (Flask's default) is reached through the sandbox's address, on its own port only. */
  #listenOnSandboxAddress(port: number): number[] {
    if (this.#sandboxAddress === undefined) return [];
    const fd = openListening(ipv4Bytes(this.#sandboxAddress), port);
    return fd < 0 ? [] : [fd];
  }
}

/** socket, bind and listen on an IPv4 address; returns the descriptor or a negated errno. */
const openListening = (ip: Uint8Array, port: number): number => {
  const fd = libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure();
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ON, 4);
  const { bytes, length } = new SockaddrBuffer().set({ ip, port });
  if (libc.bind(fd, bytes, length[0]!) === 0 && libc.listen(fd, BACKLOG) === 0) return fd;
  const result = failure();
  libc.close(fd);
  return result;
};
