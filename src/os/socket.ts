/**
 * Sockets as bare descriptors, made synchronously through libc. Node's own `net` cannot be used where
 * a socket must belong to a certain namespace, speak netlink, or be listened on without being watched
 * by the event loop.
 */
import { constants } from 'node:os';
import { check, libc, SystemCallError } from './libc.ts';

/** Transport protocols whose ports can be forwarded. */
export type Protocol = 'tcp' | 'udp';

/** Address families, bits/socket.h. */
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;

/** Socket types and flags, bits/socket_type.h (the flags equal `O_NONBLOCK` and `O_CLOEXEC`). */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Option levels and options, asm-generic/socket.h and linux/in6.h. */
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
/** linux/sockios.h */
const SIOCGSKNS = 0x894c;

const native = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
  bind: libc.func('int bind(int fd, const void *address, uint32_t length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  connect: libc.func('int connect(int fd, const void *address, uint32_t length)'),
  ioctl: libc.func('int ioctl(int fd, unsigned long request, int argument)'),
  getsockname: libc.func('int getsockname(int fd, void *address, void *length)'),
  send: libc.func('int64_t send(int fd, const void *bytes, uint64_t length, int flags)'),
  recv: libc.func('int64_t recv(int fd, void *bytes, uint64_t length, int flags)'),
  inetPton: libc.func('int inet_pton(int family, const char *text, void *bytes)'),
  inetNtop: libc.func('const char *inet_ntop(int family, const void *bytes, void *text, uint32_t length)'),
};

/** socket(2); the descriptor is always close-on-exec. */
export const openSocket = (family: number, type: number, protocol = 0): number =>
  check('socket', native.socket(family, type | SOCK_CLOEXEC, protocol));

/** setsockopt(2) of an `int` option. */
export const setSocketOption = (fd: number, level: number, option: number, value: number): void => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  check('setsockopt', native.setsockopt(fd, level, option, bytes, bytes.length));
};

/** bind(2) to an IP address and port; port 0 lets the kernel choose. */
export const bindSocket = (fd: number, address: string, port: number): void => {
  const bytes = encodeSocketAddress(address, port);
  check('bind', native.bind(fd, bytes, bytes.length));
};

/** listen(2); the kernel caps the backlog at `net.core.somaxconn`. */
export const listenSocket = (fd: number, backlog: number): void => {
  check('listen', native.listen(fd, backlog));
};

/**
 * connect(2) to an IP address and port.
 * @throws {SystemCallError} `EINPROGRESS` where a non-blocking socket goes on in the background
 */
export const connectSocket = (fd: number, address: string, port: number): void => {
  const bytes = encodeSocketAddress(address, port);
  check('connect', native.connect(fd, bytes, bytes.length));
};

/** connect(2) of a socket that does not block; returns its errno, 0 for success. */
export const startConnecting = (fd: number, address: string, port: number): number => {
  try {
    connectSocket(fd, address, port);
    return 0;
  } catch (error) {
    if (error instanceof SystemCallError) return error.errno;
    throw error;
  }
};

/**
 * Has a socket send and receive over one interface only (`SO_BINDTODEVICE`, socket(7)).
 * @throws {SystemCallError} `ENODEV` where there is none of that name
 */
export const bindToInterface = (fd: number, name: string): void => {
  const bytes = Buffer.from(`${name}\0`);
  check('setsockopt', native.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bytes, bytes.length));
};

/**
 * A descriptor of the network namespace a socket belongs to (`SIOCGSKNS`, linux/sockios.h), whoever holds it.
 * @throws {SystemCallError} `EPERM` without CAP_NET_ADMIN over that namespace
 */
export const openSocketNamespace = (fd: number): number =>
  check('ioctl SIOCGSKNS', native.ioctl(fd, SIOCGSKNS, 0));

/** The port a socket is bound to, by getsockname(2). */
export const boundPort = (fd: number): number => {
  const address = Buffer.alloc(28);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  check('getsockname', native.getsockname(fd, address, length));
  return address.readUInt16BE(2);
};

/** send(2) of a whole datagram. */
export const sendDatagram = (fd: number, bytes: Buffer): void => {
  check('send', Number(native.send(fd, bytes, bytes.length, 0)));
};

/** recv(2) of one datagram into `buffer`; returns the part that was filled. */
export const receiveDatagram = (fd: number, buffer: Buffer): Buffer => {
  for (;;) {
    const length = Number(native.recv(fd, buffer, buffer.length, 0));
    if (length >= 0) return buffer.subarray(0, length);
    const failure = new SystemCallError('recv');
    if (failure.errno !== constants.errno.EINTR) throw failure;
  }
};

/** Family of an IP address in its textual form. */
export const addressFamily = (address: string): typeof AF_INET | typeof AF_INET6 =>
  address.includes(':') ? AF_INET6 : AF_INET;

/**
 * The 4 or 16 bytes of an IP address, in network order.
 * @throws {TypeError} when the text is not an IP address
 */
export const encodeIpAddress = (address: string): Buffer => {
  const family = addressFamily(address);
  const bytes = Buffer.alloc(family === AF_INET ? 4 : 16);
  if (native.inetPton(family, address, bytes) !== 1) throw new TypeError(`${address} is not an IP address`);
  return bytes;
};

/** `::ffff:0:0/96`: an IPv4 address in IPv6 form (RFC 4291 section 2.5.5.2). */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');
/** `INET6_ADDRSTRLEN`, netinet/in.h. */
const LONGEST_TEXT = 46;

/**
 * The text of an IP address of 4 or 16 bytes in network order, as RFC 5952 wants it; that of IPv4 where it is
 * one in IPv6 form.
 */
export const decodeIpAddress = (bytes: Buffer): string => {
  const plain = bytes.length === 16 && bytes.subarray(0, 12).equals(MAPPED) ? bytes.subarray(12) : bytes;
  if (plain.length === 4) return plain.join('.');
  return native.inetNtop(AF_INET6, plain, Buffer.alloc(LONGEST_TEXT), LONGEST_TEXT);
};

/**
 * `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)): family in the machine's order, port and
 * address in network order; flow label and scope of IPv6 are 0.
 */
export const encodeSocketAddress = (address: string, port: number): Buffer => {
  const ip = encodeIpAddress(address);
  const bytes = Buffer.alloc(ip.length === 4 ? 16 : 28);
  bytes.writeUInt16LE(addressFamily(address), 0);
  bytes.writeUInt16BE(port, 2);
  ip.copy(bytes, ip.length === 4 ? 4 : 8);
  return bytes;
};
