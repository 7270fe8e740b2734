/**
 * WASIX's sockets and name lookup. Layouts and constants are described, with sources, in
 * docs/socket-abis.md, section 3. Threads, processes and signals of WASIX are not here.
 */
import { FDFLAG } from '../descriptor.ts';
import { WASI } from '../errno.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { lookUp } from '../name-lookup.ts';
import type { LookupFailure } from '../name-lookup.ts';
import type { SocketAddress } from '../socket-address.ts';
import { MSG_PEEK } from '../sockets.ts';
import type { Socket } from '../sockets.ts';
import { GuestSockets, RIFLAG_PEEK, answer, withoutWaiting } from './guest-sockets.ts';
import { FAMILY, readAddressPort, writeAddressPort, writeIp } from './wasix-address.ts';
import { optionFunctions } from './wasix-options.ts';

export const WASIX = 'wasix_32v1';

/** `$sock_type`: the other way round than WasmEdge's. */
const TYPE = { stream: 1, datagram: 2 } as const;
/** `$sock_proto`: IANA numbers; 0 is "the usual one". */
const PROTOCOL = { usual: 0, tcp: 6, udp: 17 } as const;
/** `$riflags` and `$siflags` beyond preview1's. */
const RIFLAG_DONT_WAIT = 8;
const SIFLAG_DONT_WAIT = 1;
/** `$roflags` */
const ROFLAG_TRUNCATED = 1;
/** `$addr_ip`: tag, padding, 16 bytes. */
const ADDR_IP_SIZE = 18;
const ERRNO_OF_FAILURE: Readonly<Record<LookupFailure, number>> = {
  'unknown-name': WASI.ENOENT,
  'no-address': WASI.ENOENT,
  'try-again': WASI.EAGAIN,
};

/** What WASIX adds to preview1. */
export const wasixFunctions = (context: GuestContext): HostFunctions => {
  const { memory } = context;
  const sockets = new GuestSockets(context);
  return {
    ...connectingFunctions(context, sockets),
    ...datagramFunctions(memory, sockets),
    ...optionFunctions(memory, sockets),
    ...nameFunctions(memory, sockets),
    ...resolveFunction(context),
  };
};

const connectingFunctions = ({ memory, fds }: GuestContext, sockets: GuestSockets): HostFunctions => ({
  sock_open(family: number, type: number, protocol: number, resultAt: number) {
    if (family !== FAMILY.inet4 && family !== FAMILY.inet6) return WASI.EAFNOSUPPORT;
    if (type !== TYPE.stream && type !== TYPE.datagram) return WASI.ENOTSUP;
    const wanted = type === TYPE.stream ? PROTOCOL.tcp : PROTOCOL.udp;
    if (protocol !== PROTOCOL.usual && protocol !== wanted) return WASI.ENOTSUP;
    const fd = sockets.open(family === FAMILY.inet6 ? 6 : 4, type === TYPE.stream ? 'stream' : 'datagram');
    if (fd < 0) return -fd;
    memory.view.setUint32(resultAt, fd, true);
    return WASI.SUCCESS;
  },
  sock_bind(fd: number, addressAt: number) {
    const address = readAddressPort(memory, addressAt);
    return address === undefined ? WASI.EAFNOSUPPORT : answer(sockets.bind(fd, address));
  },
  sock_listen: (fd: number, backlog: number) => answer(sockets.listen(fd, backlog)),
  sock_connect(fd: number, addressAt: number) {
    const address = readAddressPort(memory, addressAt);
    return address === undefined ? WASI.EAFNOSUPPORT : answer(sockets.connect(fd, address));
  },
  sock_accept_v2(fd: number, flags: number, resultAt: number, peerAt: number) {
    // A connection also takes non-blocking from its listener.
    const nonBlocking = (flags & FDFLAG.nonblock) !== 0 || fds.get(fd)?.nonBlocking === true;
    const accepted = sockets.accept(fd, nonBlocking);
    if (typeof accepted === 'number') return -accepted;
    memory.view.setUint32(resultAt, accepted.fd, true);
    // A client that is gone already has no address any more; the connection itself is still good to read.
    const peer = accepted.connection.peerAddress();
    writeAddressPort(memory, peerAt, typeof peer === 'number' ? undefined : peer);
    return WASI.SUCCESS;
  },
});

const datagramFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => ({
  sock_recv_from(
    fd: number,
    iovecs: number,
    count: number,
    flags: number,
    lengthAt: number,
    flagsAt: number,
    fromAt: number,
  ) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    memory.readIovecs(iovecs, count);
    const receive = (): ReturnType<GuestSockets['receiveFrom']> =>
      sockets.receiveFrom(socket, (flags & RIFLAG_PEEK) === 0 ? 0 : MSG_PEEK);
    const message = (flags & RIFLAG_DONT_WAIT) === 0 ? receive() : withoutWaiting(socket, receive);
    if (typeof message === 'number') return -message;
    writeAddressPort(memory, fromAt, message.from);
    memory.view.setUint32(lengthAt, message.length, true);
    memory.view.setUint16(flagsAt, message.truncated ? ROFLAG_TRUNCATED : 0, true);
    return WASI.SUCCESS;
  },
  sock_send_to(fd: number, iovecs: number, count: number, flags: number, toAt: number, lengthAt: number) {
    const socket = sockets.get(fd);
    if (typeof socket === 'number') return -socket;
    const to = readAddressPort(memory, toAt);
    if (to === undefined) return WASI.EAFNOSUPPORT;
    memory.readIovecs(iovecs, count);
    const send = (): number => sockets.sendTo(socket, to);
    const length = (flags & SIFLAG_DONT_WAIT) === 0 ? send() : withoutWaiting(socket, send);
    if (length < 0) return -length;
    memory.view.setUint32(lengthAt, length, true);
    return WASI.SUCCESS;
  },
});

const nameFunctions = (memory: GuestMemory, sockets: GuestSockets): HostFunctions => {
  const tell =
    (ask: (socket: Socket) => SocketAddress | number) =>
    (fd: number, resultAt: number): number => {
      const socket = sockets.get(fd);
      if (typeof socket === 'number') return -socket;
      const address = ask(socket);
      if (typeof address === 'number') return -address;
      writeAddressPort(memory, resultAt, address);
      return WASI.SUCCESS;
    };
  return {
    sock_addr_local: tell((socket) => socket.localAddress()),
    sock_addr_peer: tell((socket) => socket.peerAddress()),
  };
};

const resolveFunction = ({ memory, services: { broker } }: GuestContext): HostFunctions => {
  return {
    resolve(
      hostAt: number,
      hostLength: number,
      _port: number,
      resultsAt: number,
      max: number,
      countAt: number,
    ) {
      const found = lookUp(broker, memory.text(hostAt, hostLength), [4, 6]);
      if (typeof found === 'string') return ERRNO_OF_FAILURE[found];
      const ips = found.slice(0, max);
      for (const [index, ip] of ips.entries()) writeIp(memory, resultsAt + index * ADDR_IP_SIZE, ip);
      memory.view.setUint32(countAt, ips.length, true);
      return WASI.SUCCESS;
    },
  };
};
