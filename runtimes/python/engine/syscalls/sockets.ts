/** System calls on sockets: the engine's own, which the sandbox's rules hold for. */
import { FDFLAG } from '../../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import type { DatagramSocket } from '../../../../src/engine/datagram-socket.ts';
import type { EngineServices } from '../../../../src/engine/driver.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import type { Listener } from '../../../../src/engine/listeners.ts';
import { POLLIN, POLLOUT } from '../../../../src/engine/poll-events.ts';
import { AF_INET, AF_INET6 } from '../../../../src/engine/socket-address.ts';
import type { StreamSocket } from '../../../../src/engine/sockets.ts';
import { waiting } from './calls.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import type { CallContext, WaitingCall } from './calls.ts';
import { readAddress, writeAddress } from './socket-addresses.ts';

/** socket.h of musl */
const SOCK_TYPE = 0xf;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const MSG_PEEK = 2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
/** Times are struct timeval of two 64-bit words in musl: numbers of their own (SO_RCVTIMEO, SO_SNDTIMEO). */
const MUSL_TIMEOUTS: ReadonlySet<number> = new Set([66, 67]);
const MOST_OPTION_BYTES = 64;

/** What a socket is; its class is one of the engine's bundle and cannot be asked for here. */
type Kind =
  | { readonly kind: 'stream'; readonly socket: StreamSocket }
  | { readonly kind: 'datagram'; readonly socket: DatagramSocket }
  | { readonly kind: 'listener'; readonly socket: Listener };

export class Sockets {
  readonly #context: CallContext;
  readonly #services: EngineServices;
  readonly #kinds = new WeakMap<Descriptor, Kind>();

  constructor(context: CallContext, services: EngineServices) {
    this.#context = context;
    this.#services = services;
  }

  get(fd: number): Kind | number {
    const descriptor = this.#context.fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    return this.#kinds.get(descriptor) ?? -WASI.ENOTSOCK;
  }

  /** A number for it. For the engine none ever waits; whether the guest wants to is remembered. */
  add(entry: Kind, isNonBlocking: boolean): number {
    const { socket } = entry;
    socket.flags |= FDFLAG.nonblock;
    this.#kinds.set(socket, entry);
    if (isNonBlocking) this.#context.nonBlocking.add(socket);
    return this.#context.fds.add(socket);
  }

  open(family: number, type: number): number {
    if (family !== AF_INET && family !== AF_INET6) return -WASI.EAFNOSUPPORT;
    const version = family === AF_INET ? 4 : 6;
    const isNonBlocking = (type & SOCK_NONBLOCK) !== 0;
    if ((type & SOCK_TYPE) === SOCK_STREAM) {
      const socket = this.#services.openSocket(version, 'stream');
      return typeof socket === 'number' ? socket : this.add({ kind: 'stream', socket }, isNonBlocking);
    }
    if ((type & SOCK_TYPE) !== SOCK_DGRAM) return -WASI.EPROTONOSUPPORT;
    const socket = this.#services.openSocket(version, 'datagram');
    return typeof socket === 'number' ? socket : this.add({ kind: 'datagram', socket }, isNonBlocking);
  }

  listen(fd: number, backlog: number): number {
    const found = this.get(fd);
    if (typeof found === 'number') return found;
    if (found.kind === 'listener') return 0;
    if (found.kind !== 'stream') return -WASI.EOPNOTSUPP;
    const listener = this.#services.listeners.listen(found.socket, backlog);
    if (typeof listener === 'number') return listener;
    listener.flags |= FDFLAG.nonblock;
    this.#kinds.set(listener, { kind: 'listener', socket: listener });
    if (this.#context.nonBlocking.has(found.socket)) this.#context.nonBlocking.add(listener);
    this.#context.fds.replace(fd, listener);
    return 0;
  }
}

export const socketCalls = (
  { memory }: CallContext,
  services: EngineServices,
  sockets: Sockets,
): Record<string, Call> => {
  const addressOf =
    (which: 'localAddress' | 'peerAddress') =>
    (fd: number, address: number, length: number): number => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      const result = found.socket[which]();
      if (typeof result === 'number') return result;
      writeAddress(memory, { address, length }, result);
      return 0;
    };
  return {
    __syscall_socket: (family: number, type: number) => sockets.open(family, type),
    __syscall_bind: (fd: number, address: number, length: number) => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      const wanted = readAddress(memory, address, length);
      if (found.kind === 'stream') return services.listeners.bind(found.socket, wanted);
      return found.kind === 'datagram' ? found.socket.bind(wanted) : -WASI.EINVAL;
    },
    __syscall_listen: (fd: number, backlog: number) => sockets.listen(fd, backlog),
    __syscall_getsockname: addressOf('localAddress'),
    __syscall_getpeername: addressOf('peerAddress'),
    __syscall_getsockopt: (fd: number, level: number, option: number, value: number, length: number) => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      const room = Math.min(memory.view.getUint32(length, true), MOST_OPTION_BYTES);
      const known = level === SOL_SOCKET ? knownOption(found, option) : undefined;
      if (known !== undefined) {
        memory.view.setInt32(value, known, true);
        memory.view.setUint32(length, 4, true);
        return 0;
      }
      const result = found.socket.getOption(level, option, memory.slice(value, room));
      if (result >= 0) memory.view.setUint32(length, result, true);
      return Math.min(result, 0);
    },
    // Redirected: the C library's own does nothing. It answers as that would, with an errno of WASI.
    setsockopt: (fd: number, level: number, option: number, value: number, length: number) => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      if (level === SOL_SOCKET && MUSL_TIMEOUTS.has(option)) return 0;
      if (length > MOST_OPTION_BYTES) return -WASI.EINVAL;
      return Math.min(0, found.socket.setOption(level, option, memory.slice(value, length).slice()));
    },
    /** pyodide's shutdown(2): 1 for what it has done, with the result. */
    _try_shutdown: (fd: number, how: number, result: number) => {
      const found = sockets.get(fd);
      memory.view.setInt32(result, typeof found === 'number' ? found : found.socket.shutdown(how), true);
      return 1;
    },
  };
};

/** Options the engine knows without the kernel. */
const knownOption = (found: Kind, option: number): number | undefined => {
  if (option === SO_TYPE) return found.kind === 'datagram' ? SOCK_DGRAM : SOCK_STREAM;
  if (option === SO_ACCEPTCONN) return found.kind === 'listener' ? 1 : 0;
  // As an errno of the guest's.
  if (option === SO_ERROR && found.kind === 'stream') return -found.socket.pendingError();
  return undefined;
};

export const waitingSocketCalls = (
  context: CallContext,
  { broker, events }: EngineServices,
  sockets: Sockets,
): Record<string, WaitingCall> => {
  const { memory, nonBlocking, threads } = context;
  /** Does something with a socket, and waits for it where that is wanted. */
  const transfer = (
    fd: number,
    { flags, events }: { flags: number; events: number },
    action: (found: Kind) => number,
  ): number | Promise<number> => {
    const found = sockets.get(fd);
    if (typeof found === 'number') return found;
    const attempt = (): number => action(found);
    return (flags & MSG_DONTWAIT) === 0 ? waiting(context, found.socket, events, attempt) : attempt();
  };
  const receive = (
    fd: number,
    { load, flags }: { load: () => void; flags: number },
    from: { address: number; length: number; onTruncated?: () => void },
  ): number | Promise<number> =>
    transfer(fd, { flags, events: POLLIN }, ({ kind, socket }) => {
      load();
      if (kind === 'datagram') {
        const datagram = socket.receiveFrom(memory, flags & MSG_PEEK);
        if (typeof datagram === 'number') return datagram;
        writeAddress(memory, from, datagram.from);
        if (datagram.truncated) from.onTruncated?.();
        return datagram.length;
      }
      const length = socket.receive(memory, flags & MSG_PEEK);
      if (length >= 0) writeAddress(memory, from, undefined);
      return length;
    });
  const send = (
    fd: number,
    { load, flags }: { load: () => void; flags: number },
    to: { address: number; length: number },
  ): number | Promise<number> =>
    transfer(fd, { flags, events: POLLOUT }, ({ kind, socket }) => {
      load();
      if (kind !== 'datagram' || to.address === 0) return socket.send(memory);
      return socket.sendTo(memory, readAddress(memory, to.address, to.length));
    });
  /** struct msghdr of musl with 32-bit addresses: name, its length, iovecs, their number, control, its length, flags. */
  const messageAt = (header: number) => {
    const word = (index: number): number => memory.view.getUint32(header + 4 * index, true);
    return {
      name: { address: word(0), length: word(1) },
      load: () =>
        memory.readIovecs(memory.view.getUint32(header + 8, true), memory.view.getUint32(header + 12, true)),
    };
  };
  return {
    __syscall_accept4: (fd: number, address: number, length: number, flags: number) => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      if (found.kind !== 'listener') return found.kind === 'stream' ? -WASI.EINVAL : -WASI.EOPNOTSUPP;
      return waiting(context, found.socket, POLLIN, () => {
        const socket = found.socket.accept();
        if (typeof socket === 'number') return socket;
        const peer = socket.peerAddress();
        writeAddress(memory, { address, length }, typeof peer === 'number' ? undefined : peer);
        return sockets.add({ kind: 'stream', socket }, (flags & SOCK_NONBLOCK) !== 0);
      });
    },
    __syscall_connect: (fd: number, address: number, length: number) => {
      const found = sockets.get(fd);
      if (typeof found === 'number') return found;
      const peer = readAddress(memory, address, length);
      if (found.kind === 'datagram') return found.socket.connect(peer, broker);
      if (found.kind !== 'stream') return -WASI.EISCONN;
      const { socket } = found;
      if (nonBlocking.has(socket)) return socket.connect(peer, broker);
      return threads.suspend<number>((resume) => {
        const result = socket.startConnect(peer, { broker, events }, resume);
        if (result < 0) resume(result);
      });
    },
    __syscall_recvfrom: (
      fd: number,
      buffer: number,
      size: number,
      flags: number,
      address: number,
      length: number,
    ) => receive(fd, { load: () => memory.loadBuffer(buffer, size), flags }, { address, length }),
    __syscall_sendto: (
      fd: number,
      buffer: number,
      size: number,
      flags: number,
      address: number,
      length: number,
    ) => send(fd, { load: () => memory.loadBuffer(buffer, size), flags }, { address, length }),
    __syscall_recvmsg: (fd: number, header: number, flags: number) => {
      const { load, name } = messageAt(header);
      let isTruncated = false;
      const noted = (length: number): number => {
        if (length < 0) return length;
        // Nothing beside the data.
        memory.view.setUint32(header + 4 * 5, 0, true);
        memory.view.setUint32(header + 4 * 6, isTruncated ? MSG_TRUNC : 0, true);
        return length;
      };
      const from = { address: name.address, length: header + 4, onTruncated: () => (isTruncated = true) };
      const length = receive(fd, { load, flags }, from);
      return typeof length === 'number' ? noted(length) : length.then(noted);
    },
    __syscall_sendmsg: (fd: number, header: number, flags: number) => {
      const { load, name } = messageAt(header);
      return send(fd, { load, flags }, name);
    },
  };
};
