/**
 * Hands open descriptors to another process over a Unix socket: SCM_RIGHTS (unix(7), cmsg(3)). A message is
 * a short text and at most one descriptor.
 */
import { koffi } from './koffi.ts';
import { SystemCallError, check, errnoName, errno, libc } from './libc.ts';

type Message = (fd: number, header: BigUint64Array, flags: number) => number;
const sendmsg: Message = libc.func('int64_t sendmsg(int, void *, int)');
const recvmsg: Message = libc.func('int64_t recvmsg(int, void *, int)');
const socketpair: (family: number, type: number, protocol: number, fds: Int32Array) => number = libc.func(
  'int socketpair(int, int, int, void *)',
);

/** socket.h. Sequenced packets keep a text and its descriptor together, and say when the peer is gone. */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** Longest text of a message, in bytes; longer ones are cut. */
const TEXT_SIZE = 1024;
/** CMSG_SPACE(sizeof(int)) and CMSG_LEN(sizeof(int)) on 64-bit Linux: a 16-byte cmsghdr, then the int. */
const CONTROL_SIZE = 24;
const CONTROL_LENGTH = 20n;

/**
 * One message at a time, so its parts live here: they point at each other by address, and memory that only
 * an address refers to is garbage to V8.
 */
const text = Buffer.alloc(TEXT_SIZE);
const control = Buffer.alloc(CONTROL_SIZE);
/** struct iovec: base, length. */
const iovec = BigUint64Array.from([koffi.address(text), BigInt(TEXT_SIZE)]);
/** struct msghdr: name, namelen, iov, iovlen, control, controllen, flags; 8 bytes each with padding. */
const header = BigUint64Array.from([0n, 0n, koffi.address(iovec), 1n, koffi.address(control), 0n, 0n]);

/** What came with a message; `descriptor` belongs to the receiver. */
export interface ReceivedDescriptor {
  readonly text: string;
  readonly descriptor: number | undefined;
}

/** A connected pair of sockets that keep message boundaries: close-on-exec, and nobody blocks on them. */
export const packetSocketPair = (): [number, number] => socketPair(SOCK_SEQPACKET);

/** A connected pair of sockets for bytes both ways: close-on-exec, and nobody blocks on them. */
export const streamSocketPair = (): [number, number] => socketPair(SOCK_STREAM);

const socketPair = (type: number): [number, number] => {
  const fds = new Int32Array(2);
  check('socketpair', socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
  return [fds[0]!, fds[1]!];
};

/**
 * Sends a text, with a descriptor if one is given; the sender keeps its own copy of that.
 * @throws {SystemCallError} EPIPE when the peer is gone
 */
export const sendDescriptor = (socket: number, message: string, descriptor?: number): void => {
  iovec[1] = BigInt(text.write(message));
  header[5] = descriptor === undefined ? 0n : BigInt(CONTROL_SIZE);
  control.writeBigUInt64LE(CONTROL_LENGTH, 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor ?? 0, 16);
  check('sendmsg', sendmsg(socket, header, MSG_NOSIGNAL));
};

/**
 * Receives one message. Undefined at the end: the peer is gone.
 * @throws {SystemCallError} EAGAIN when there is none
 */
export const receiveDescriptor = (socket: number): ReceivedDescriptor | undefined => {
  iovec[1] = BigInt(TEXT_SIZE);
  // Room for one descriptor and no more: others that a peer may send are dropped by the kernel.
  header[5] = CONTROL_LENGTH;
  let length = -1;
  do length = recvmsg(socket, header, MSG_CMSG_CLOEXEC);
  while (length < 0 && errnoName(errno()) === 'EINTR');
  if (length < 0) throw new SystemCallError('recvmsg');
  if (length === 0) return undefined;
  const descriptor = header[5] === 0n ? undefined : control.readInt32LE(16);
  return { text: text.toString('utf8', 0, length), descriptor };
};
