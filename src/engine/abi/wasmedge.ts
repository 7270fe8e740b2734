/**
 * WasmEdge's sockets: more functions in preview1's own module. Layouts, constants and the two generations
 * of functions (v1, v2) under one name are described, with sources, in docs/socket-abis.md, section 2.
 */
import { WASI } from '../errno.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { SocketAddress } from '../socket-address.ts';
import { MSG_PEEK, StreamSocket } from '../sockets.ts';
import type { Socket } from '../sockets.ts';
import { GuestSockets, RIFLAG_PEEK, answer } from './guest-sockets.ts';
import { connectionFunctions } from './preview1.ts';
import { FAMILY, addressBuffer, readAddress, writeAddress } from './wasmedge-address.ts';
import { addressInfoFunction } from './wasmedge-addrinfo.ts';
import { TYPE, optionFunctions } from './wasmedge-options.ts';

/** `$roflags`: the datagram was longer than the buffers. */
const ROFLAG_TRUNCATED = 1;
/** netinet/tcp.h. WasmEdge has no option for it, so that latency is chosen over packet count here. */
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const ON = Buffer.from([1, 0, 0, 0]);

/** Everything WasmEdge adds to preview1, and `sock_accept`, which the two share. */
export const wasmedgeFunctions = (context: GuestContext): HostFunctions => {
  const { memory } = context;
  const sockets = new GuestSockets(context);
  const { sock_accept, sock_recv, sock_send } = connectionFunctions(context);
  const connecting = connectingFunctions(memory, sockets);
  const datagrams = datagramFunctions(memory, sockets);
  const names = nameFunctions(memory, sockets);
  return {
    ...connecting,
    sock_open_v2: connecting['sock_open']!,
    sock_bind_v2: connecting['sock_bind']!,
    sock_listen_v2: connecting['sock_listen']!,
    sock_connect_v2: connecting['sock_connect']!,
    sock_accept: acceptFunction(memory, sockets, sock_accept!),
    sock_accept_v2: sock_accept!,
    sock_recv_v2: sock_recv!,
    sock_send_v2: sock_send!,
    ...datagrams,
    sock_recv_from_v2: datagrams['sock_recv_from']!,
    sock_send_to_v2: datagrams['sock_send_to']!,
    ...names,
    sock_getlocaladdr_v2: names['sock_getlocaladdr']!,
    sock_getpeeraddr_v2: names['sock_getpeeraddr']!,
    ...optionFunctions(memory, sockets),
    ...addressInfoFunction(context),
  };
};

const connectingFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => ({
  sock_open(family: number, type: number, resultAt: number) {
    if (family !== FAMILY.inet4 && family !== FAMILY.inet6) {
      return family === FAMILY.unspecified ? WASI.EAFNOSUPPORT : WASI.EINVAL;
    }
    if (type > TYPE.stream) return WASI.EINVAL;
    const fd = sockets.open(family === FAMILY.inet6 ? 6 : 4, type === TYPE.datagram ? 'datagram' : 'stream');
    if (fd < 0) return -fd;
    const socket = sockets.get(fd);
    if (socket instanceof StreamSocket) socket.setOption(IPPROTO_TCP, TCP_NODELAY, ON);
    memory.view.setUint32(resultAt, fd, true);
    return WASI.SUCCESS;
  },
  sock_bind(fd: number, addressAt: number, port: number) {
    const address = readAddress(memory, addressAt, port);
    return address === undefined ? WASI.EINVAL : answer(sockets.bind(fd, address));
  },
  sock_listen: (fd: number, backlog: number) => answer(sockets.listen(fd, backlog)),
  sock_connect(fd: number, addressAt: number, port: number) {
    const address = readAddress(memory, addressAt, port);
    return address === undefined ? WASI.EINVAL : answer(sockets.connect(fd, address));
  },
});

/** Two arguments: WasmEdge's v1, whose connections block. Three: preview1's, which WasmEdge calls v2. */
const acceptFunction =
  (memory: GuestMemory, sockets: GuestSockets, withFlags: HostFunctions[string]) =>
  (fd: number, resultOrFlags: number, resultAt: number | undefined): number => {
    const accept = withFlags as (fd: number, flags: number, resultAt: number) => number;
    if (resultAt !== undefined) return accept(fd, resultOrFlags, resultAt);
    const accepted = sockets.accept(fd, false);
    if (typeof accepted === 'number') return -accepted;
    memory.view.setUint32(resultOrFlags, accepted.fd, true);
    return WASI.SUCCESS;
  };

const datagramFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => ({
  /** Seven arguments: v1, without the sender's port. Eight: v2, with `portAt` before the results. */
  sock_recv_from(
    fd: number,
    iovecs: number,
    count: number,
    addressAt: number,
    flags: number,
    portOrLengthAt: number,
    lengthOrFlagsAt: number,
    v2FlagsAt: number | undefined,
  ) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    const isV2 = v2FlagsAt !== undefined;
    const lengthAt = isV2 ? lengthOrFlagsAt : portOrLengthAt;
    const flagsAt = isV2 ? v2FlagsAt : lengthOrFlagsAt;
    const sender = addressBuffer(memory, addressAt);
    memory.readIovecs(iovecs, count);
    const message = sockets.receiveFrom(socket, (flags & RIFLAG_PEEK) === 0 ? 0 : MSG_PEEK);
    if (typeof message === 'number') return -message;
    if (message.from !== undefined) {
      const error = writeAddress(sender, message.from.ip);
      if (error < 0) return -error;
      // Two bytes in host order: docs/socket-abis.md says why not four and not network order.
      if (isV2) memory.view.setUint16(portOrLengthAt, message.from.port, true);
    }
    memory.view.setUint32(lengthAt, message.length, true);
    memory.view.setUint16(flagsAt, message.truncated ? ROFLAG_TRUNCATED : 0, true);
    return WASI.SUCCESS;
  },
  sock_send_to(
    fd: number,
    iovecs: number,
    count: number,
    addressAt: number,
    port: number,
    _flags: number,
    lengthAt: number,
  ) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    const address = readAddress(memory, addressAt, port);
    if (address === undefined) return WASI.EINVAL;
    memory.readIovecs(iovecs, count);
    const length = sockets.sendTo(socket, address);
    if (length < 0) return -length;
    memory.view.setUint32(lengthAt, length, true);
    return WASI.SUCCESS;
  },
});

const nameFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => {
  /** Four arguments: v1, with the family as 4 or 6. Three: v2, with the family in the 128-byte address. */
  const tell =
    (ask: (socket: Socket) => SocketAddress | number) =>
    (fd: number, addressAt: number, typeOrPortAt: number, v1PortAt: number | undefined): number => {
      const socket = sockets.get(fd);
      if (typeof socket === 'number') return -socket;
      const buffer = addressBuffer(memory, addressAt);
      const address = ask(socket);
      if (typeof address === 'number') return -address;
      const error = writeAddress(buffer, address.ip);
      if (error < 0) return -error;
      if (v1PortAt !== undefined) memory.view.setUint32(typeOrPortAt, address.ip.length === 4 ? 4 : 6, true);
      memory.view.setUint32(v1PortAt ?? typeOrPortAt, address.port, true);
      return WASI.SUCCESS;
    };
  return {
    sock_getlocaladdr: tell((socket) => socket.localAddress()),
    sock_getpeeraddr: tell((socket) => socket.peerAddress()),
  };
};
