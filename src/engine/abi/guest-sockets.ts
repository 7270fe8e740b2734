/**
 * What the two ABIs with sockets of their own have in common: opening, binding, listening, connecting.
 * Results are ≥ 0 or a negated WASI errno; {@link answer} turns one into what the guest gets.
 */
import { DatagramSocket } from '../datagram-socket.ts';
import { FDFLAG } from '../descriptor.ts';
import type { SocketType } from '../driver.ts';
import { WASI } from '../errno.ts';
import type { GuestContext } from '../guest-context.ts';
import { Listener } from '../listeners.ts';
import type { SocketAddress } from '../socket-address.ts';
import { Socket, StreamSocket } from '../sockets.ts';

/** preview1 `$riflags` */
export const RIFLAG_PEEK = 1;

/** The WASI errno for the guest: 0 for every success. */
export const answer = (result: number): number => (result < 0 ? -result : WASI.SUCCESS);

/** Runs `action` as if the guest had made the socket non-blocking. */
export const withoutWaiting = <Result>(socket: Socket, action: () => Result): Result => {
  const { flags } = socket;
  socket.flags |= FDFLAG.nonblock;
  try {
    return action();
  } finally {
    socket.flags = flags;
  }
};

export class GuestSockets {
  readonly #context: GuestContext;

  constructor(context: GuestContext) {
    this.#context = context;
  }

  /** The socket behind a descriptor, or -EBADF, -ENOTSOCK. */
  get(fd: number): Socket | number {
    const descriptor = this.#context.fds.get(fd);
    if (descriptor instanceof Socket) return descriptor;
    return descriptor === undefined ? -WASI.EBADF : -WASI.ENOTSOCK;
  }

  /** socket(2). Returns the guest's descriptor. */
  open(family: 4 | 6, type: SocketType): number {
    const { fds, services } = this.#context;
    const socket = services.openSocket(family, type);
    return typeof socket === 'number' ? socket : fds.add(socket);
  }

  bind(fd: number, address: SocketAddress): number {
    const socket = this.get(fd);
    if (typeof socket === 'number') return socket;
    if (socket instanceof StreamSocket) return this.#context.services.listeners.bind(socket, address);
    if (socket instanceof DatagramSocket) return socket.bind(address);
    return -WASI.EINVAL; // a listener is bound already (bind(2))
  }

  connect(fd: number, address: SocketAddress): number {
    const socket = this.get(fd);
    if (typeof socket === 'number') return socket;
    if (socket instanceof StreamSocket || socket instanceof DatagramSocket) {
      return socket.connect(address, this.#context.services.broker);
    }
    return -WASI.EISCONN; // what Linux says of a listener
  }

  /** listen(2); from then on the descriptor is a {@link Listener}. */
  listen(fd: number, backlog: number): number {
    const socket = this.get(fd);
    if (typeof socket === 'number') return socket;
    if (socket instanceof Listener) return WASI.SUCCESS;
    if (!(socket instanceof StreamSocket)) return -WASI.EOPNOTSUPP;
    const listener = this.#context.services.listeners.listen(socket, backlog);
    if (typeof listener === 'number') return listener;
    this.#context.fds.replace(fd, listener);
    return WASI.SUCCESS;
  }

  /** accept(2). Returns the guest's descriptor of a connection, blocking or not as `nonBlocking` says. */
  accept(fd: number, nonBlocking: boolean): { fd: number; connection: StreamSocket } | number {
    const listener = this.get(fd);
    if (typeof listener === 'number') return listener;
    if (!(listener instanceof Listener)) {
      return listener instanceof DatagramSocket ? -WASI.EOPNOTSUPP : -WASI.EINVAL;
    }
    const connection = listener.accept();
    if (typeof connection === 'number') return connection;
    connection.flags = nonBlocking ? FDFLAG.nonblock : 0;
    const accepted = this.#context.fds.add(connection);
    return accepted < 0 ? accepted : { fd: accepted, connection };
  }

  /**
   * recvfrom(2) into the iovecs loaded into the memory; `flags` are MSG_* bits. A stream has no sender
   * to tell: `from` is undefined.
   */
  receiveFrom(
    socket: Socket,
    flags: number,
  ): { length: number; from: SocketAddress | undefined; truncated: boolean } | number {
    if (socket instanceof DatagramSocket) return socket.receiveFrom(this.#context.memory, flags);
    const length = socket.receive(this.#context.memory, flags);
    return length < 0 ? length : { length, from: undefined, truncated: false };
  }

  /** sendto(2) of the loaded iovecs. A connected stream ignores the address, as Linux does. */
  sendTo(socket: Socket, to: SocketAddress): number {
    const { memory } = this.#context;
    return socket instanceof DatagramSocket ? socket.sendTo(memory, to) : socket.send(memory);
  }
}
