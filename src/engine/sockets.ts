/**
 * Real sockets of the engine, behind the guest's descriptors. All host descriptors are non-blocking; a
 * blocking guest call is "try, else wait together with the control channel, try again".
 *
 * Sockets that were made in the host's network namespace (handed-off listeners and what they accept) keep
 * that namespace's power: connecting one again would reach the host's own loopback, and listening on one
 * would open a port of the host. They are only ever accepted from, received from, sent to, shut down and
 * closed; connections are opened by the supervisor (broker.ts), the engine itself may not.
 */
import type { Broker, BrokerRequest, ConnectionStart } from './broker.ts';
import { Descriptor, FILETYPE, RIGHT } from './descriptor.ts';
import type { EngineServices } from './driver.ts';
import { WASI, failure, toWasi } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import * as libc from './libc.ts';
import { replaceDescriptor } from './libc.ts';
import { POLLIN, POLLOUT } from './poll-events.ts';
import type { SendLane } from './send-thread/send-lanes.ts';
import type { Poller } from './poll.ts';
import { ports } from './ports.ts';
import { SockaddrBuffer } from './socket-address.ts';
import type { SocketAddress } from './socket-address.ts';

/** socket.h, bits/socket_type.h */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
const SO_ERROR = 4;
export const MSG_PEEK = 2;
export const MSG_DONTWAIT = 0x40;
/** No SIGPIPE; Node ignores it anyway, a library in the engine might not. */
export const MSG_NOSIGNAL = 0x4000;

const sockaddr = new SockaddrBuffer();

export abstract class Socket extends Descriptor {
  readonly hostFd: number;
  readonly #hostFds: readonly [number];
  protected readonly poller: Poller;

  constructor(hostFd: number, poller: Poller) {
    super();
    this.hostFd = hostFd;
    this.#hostFds = [hostFd];
    this.poller = poller;
    this.rights = RIGHT.all;
  }

  override pollFds(): readonly number[] {
    return this.#hostFds;
  }

  protected override closeHost(): number {
    return ports().close(this.hostFd);
  }

  override read(memory: GuestMemory): number {
    return this.receive(memory, 0);
  }

  override write(memory: GuestMemory): number {
    return this.send(memory);
  }

  /** Fills the loaded iovecs; `flags` are MSG_* bits. Returns bytes, 0 at end of stream. */
  receive(memory: GuestMemory, flags: number): number {
    for (;;) {
      const length =
        memory.iovCount > 1 && flags === 0
          ? libc.readv(this.hostFd, memory.toHostIovecs(), memory.iovCount)
          : libc.recv(this.hostFd, memory.base + memory.iovPointers[0]!, firstLength(memory), flags);
      if (length >= 0) return length;
      if (!this.retry(POLLIN)) return failure();
    }
  }

  /** Sends the loaded iovecs. Returns bytes taken, which may be fewer. */
  send(memory: GuestMemory): number {
    for (;;) {
      const length =
        memory.iovCount > 1
          ? libc.writev(this.hostFd, memory.toHostIovecs(), memory.iovCount)
          : libc.send(this.hostFd, memory.base + memory.iovPointers[0]!, firstLength(memory), MSG_NOSIGNAL);
      if (length >= 0) return length;
      if (!this.retry(POLLOUT)) return failure();
    }
  }

  /** `how`: SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2. */
  shutdown(how: number): number {
    return libc.shutdown(this.hostFd, how) < 0 ? failure() : 0;
  }

  localAddress(): SocketAddress | number {
    return ports().localAddress(this.hostFd);
  }

  peerAddress(): SocketAddress | number {
    const { bytes, length } = sockaddr.clear();
    return libc.getpeername(this.hostFd, bytes, length) < 0 ? failure() : sockaddr.get();
  }

  /** setsockopt(2); which options a guest may set is decided by its ABI's table. */
  setOption(level: number, name: number, value: Uint8Array): number {
    return libc.setsockopt(this.hostFd, level, name, value, value.length) < 0 ? failure() : 0;
  }

  /** getsockopt(2) into `value`; returns its length in bytes. */
  getOption(level: number, name: number, value: Uint8Array): number {
    const length = new Int32Array([value.length]);
    return libc.getsockopt(this.hostFd, level, name, value, length) < 0 ? failure() : length[0]!;
  }

  /** After a failed call: waits if the guest wants to block. False means report the failure. */
  protected retry(events: number): boolean {
    return this.poller.shouldRetry(this.#hostFds, events, this.nonBlocking);
  }
}

/** Who made a socket: the guest in its own namespace, a listener that accepted it, or the supervisor. */
export type SocketOrigin = 'guest' | 'listener' | 'supervisor';

/** A TCP connection, or a TCP socket that is not one yet. */
export class StreamSocket extends Socket {
  override readonly filetype = FILETYPE.socketStream;
  #origin: SocketOrigin;
  #lane: SendLane | undefined;
  #hasFailed = false;
  #connection: 'none' | 'started' | 'made';
  /** The supervisor has been asked to connect it. */
  #request: BrokerRequest | undefined;
  /** What the guest has set, for the socket that takes this one's place. */
  readonly #options: (readonly [level: number, name: number, value: Uint8Array])[] = [];

  constructor(hostFd: number, poller: Poller, origin: SocketOrigin) {
    super(hostFd, poller);
    this.#origin = origin;
    this.#connection = origin === 'guest' ? 'none' : 'made';
  }

  /** May it be bound, and listened on? A socket of the host's namespace would open a port of the host. */
  get mayListen(): boolean {
    return this.#origin === 'guest';
  }

  /** The way to the send thread, where that sends. */
  get lane(): SendLane | undefined {
    return this.#lane;
  }

  /** From now on the send thread sends. */
  sendBy(lane: SendLane): void {
    this.#lane = lane;
  }

  override send(memory: GuestMemory): number {
    return this.#lane === undefined ? super.send(memory) : this.#lane.send(memory);
  }

  bind(address: SocketAddress): number {
    // An accepted socket that was reset could be bound again: to a port of the host, if it came from there.
    if (!this.mayListen) return -WASI.EINVAL;
    return ports().bind(this.hostFd, address);
  }

  override setOption(level: number, name: number, value: Uint8Array): number {
    const result = super.setOption(level, name, value);
    if (result >= 0 && this.#connection === 'none') this.#options.push([level, name, Uint8Array.from(value)]);
    return result;
  }

  /** connect(2): a second call tells how the first one is getting on, as Linux does. */
  connect(address: SocketAddress, broker: Broker): number {
    if (this.#connection === 'made') return -WASI.EISCONN;
    if (this.#connection === 'started') return this.#isSettled() ? this.#settle() : -WASI.EALREADY;
    if (!this.#isOfFamily(address)) return -WASI.EAFNOSUPPORT;
    const attempt = (): number => this.#continueWith(broker.connect(this.hostFd, 'tcp', address));
    let result = attempt();
    if (this.#isEchoOfFailure(result)) result = attempt();
    if (result < 0 && result !== -WASI.EINPROGRESS) return result;
    this.#connection = 'started';
    if (result === 0) return this.#settle();
    if (this.nonBlocking) return result;
    this.poller.wait(this.pollFds(), POLLOUT);
    return this.#settle();
  }

  /**
   * connect(2) for a reactor, which must not watch the socket meanwhile. Closing it gives the attempt up.
   * @param done - called once, later, with 0 or a negated WASI errno
   * @returns 0, or a negated WASI errno where nothing was begun
   */
  startConnect(
    address: SocketAddress,
    { broker, events }: Pick<EngineServices, 'broker' | 'events'>,
    done: (result: number) => void,
  ): number {
    if (this.#connection === 'made') return -WASI.EISCONN;
    if (this.#connection === 'started') return -WASI.EALREADY;
    if (!this.#isOfFamily(address)) return -WASI.EAFNOSUPPORT;
    const attempt = (): BrokerRequest | undefined =>
      broker.startConnect(this.hostFd, 'tcp', address, continueAttempt);
    const continueAttempt = (start: ConnectionStart): void => {
      const result = this.#continueWith(start);
      this.#request = this.#isEchoOfFailure(result) ? attempt() : undefined;
      if (this.#request !== undefined) return;
      if (result === 0) return done(this.#settle());
      if (result !== -WASI.EINPROGRESS) {
        this.#connection = 'none';
        return done(result);
      }
      const watch = events.watch(this, POLLOUT, () => {
        watch[Symbol.dispose]();
        done(this.#settle());
      });
    };
    this.#request = attempt();
    if (this.#request === undefined) return -WASI.EACCES;
    this.#connection = 'started';
    return 0;
  }

  protected override closeHost(): number {
    this.#request?.cancel();
    if (this.#lane?.close() === true) return 0;
    return super.closeHost();
  }

  #isOfFamily(address: SocketAddress): boolean {
    const local = this.localAddress();
    return typeof local === 'number' || local.ip.length === address.ip.length;
  }

  /** Becomes the supervisor's socket, where that connects in its place. */
  #continueWith({ result, socket }: ConnectionStart): number {
    if (socket === undefined) return result;
    const replaced = replaceDescriptor(this.hostFd, socket);
    if (replaced < 0) return replaced;
    this.#origin = 'supervisor';
    for (const option of this.#options) super.setOption(...option);
    return result;
  }

  #isSettled(): boolean {
    return this.poller.isReady(this.pollFds(), POLLOUT);
  }

  /** Linux lets a failed attempt be followed by another one. */
  #settle(): number {
    const error = this.pendingError();
    this.#connection = error < 0 ? 'none' : 'made';
    this.#hasFailed = error < 0;
    return error;
  }

  /**
   * Whose attempt has failed learns of it by connect(2), in Linux. Here it was asked for by SO_ERROR, and the next call
   * says once that the attempt is over (net/ipv4/af_inet.c, __inet_stream_connect).
   */
  #isEchoOfFailure(result: number): boolean {
    const isEcho = this.#hasFailed && result === -WASI.ECONNABORTED;
    this.#hasFailed = false;
    return isEcho;
  }

  /** The outcome of a connection attempt (SO_ERROR): 0 or a negated errno. */
  pendingError(): number {
    const value = Buffer.alloc(4);
    const result = this.getOption(SOL_SOCKET, SO_ERROR, value);
    if (result < 0) return result;
    const code = value.readInt32LE(0);
    return code === 0 ? 0 : -toWasi(code);
  }
}

const firstLength = (memory: GuestMemory): number => (memory.iovCount === 0 ? 0 : memory.iovLengths[0]!);
