/**
 * The libc calls the guest's system calls end in. Buffers inside the guest's memory are passed as host
 * addresses (`uintptr_t`), the engine's own as typed arrays: neither is copied. All return -1 on failure.
 */
import { koffi } from '../os/koffi.ts';
import { libc } from '../os/libc.ts';
import { failure } from './errno.ts';

type Bytes = NodeJS.TypedArray;
/** (fd, host address, length in bytes) */
type Transfer = (fd: number, address: number, length: number) => number;
/** (fd, host address, length in bytes, offset in the file) */
type TransferAt = (fd: number, address: number, length: number, offset: bigint) => number;
/** (fd, host address, length in bytes, MSG_* flags) */
type SocketTransfer = (fd: number, address: number, length: number, flags: number) => number;
/** (fd, struct iovec[], count) */
type VectorTransfer = (fd: number, iovecs: Bytes, count: number) => number;
/** (fd, struct iovec[], count, offset in the file) */
type VectorTransferAt = (fd: number, iovecs: Bytes, count: number, offset: bigint) => number;
/** (fd, struct msghdr, MSG_* flags) */
type MessageTransfer = (fd: number, header: Bytes, flags: number) => number;
/** (fd, sockaddr, its length in bytes) */
type AddressCall = (fd: number, address: Bytes, length: number) => number;
/** (fd, room for a sockaddr, its length as int32 in and out) */
type AddressQuery = (fd: number, address: Bytes | null, length: Bytes | null) => number;

export const read: Transfer = libc.func('read', 'int64_t', ['int', 'uintptr_t', 'size_t']);
export const write: Transfer = libc.func('write', 'int64_t', ['int', 'uintptr_t', 'size_t']);
export const readv: VectorTransfer = libc.func('readv', 'int64_t', ['int', 'void *', 'int']);
export const writev: VectorTransfer = libc.func('writev', 'int64_t', ['int', 'void *', 'int']);
const AT = ['int', 'uintptr_t', 'size_t', 'int64_t'];
export const pread: TransferAt = libc.func('pread', 'int64_t', AT);
export const pwrite: TransferAt = libc.func('pwrite', 'int64_t', AT);
const VECTOR_AT = ['int', 'void *', 'int', 'int64_t'];
export const preadv: VectorTransferAt = libc.func('preadv', 'int64_t', VECTOR_AT);
export const pwritev: VectorTransferAt = libc.func('pwritev', 'int64_t', VECTOR_AT);
export const recv: SocketTransfer = libc.func('recv', 'int64_t', ['int', 'uintptr_t', 'size_t', 'int']);
export const send: SocketTransfer = libc.func('send', 'int64_t', ['int', 'uintptr_t', 'size_t', 'int']);
export const recvmsg: MessageTransfer = libc.func('recvmsg', 'int64_t', ['int', 'void *', 'int']);
export const sendmsg: MessageTransfer = libc.func('sendmsg', 'int64_t', ['int', 'void *', 'int']);

/** ppoll(2) without a signal mask; a null timeout waits forever. */
export const ppoll: (pollfds: Bytes, count: number, timespec: Bytes | null, signalMask: null) => number =
  libc.func('ppoll', 'int', ['void *', 'unsigned long', 'void *', 'void *']);

export const socket: (family: number, type: number, protocol: number) => number =
  libc.func('int socket(int, int, int)');
export const bind: AddressCall = libc.func('int bind(int, void *, uint32_t)');
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int, int)');
export const accept4: (fd: number, address: Bytes | null, length: Bytes | null, flags: number) => number =
  libc.func('int accept4(int, void *, void *, int)');
export const shutdown: (fd: number, how: number) => number = libc.func('int shutdown(int, int)');
export const getsockname: AddressQuery = libc.func('int getsockname(int, void *, void *)');
export const getpeername: AddressQuery = libc.func('int getpeername(int, void *, void *)');
export const setsockopt: (fd: number, level: number, name: number, value: Bytes, length: number) => number =
  libc.func('int setsockopt(int, int, int, void *, uint32_t)');
export const getsockopt: (fd: number, level: number, name: number, value: Bytes, length: Bytes) => number =
  libc.func('int getsockopt(int, int, int, void *, void *)');
const dup3: (from: number, to: number, flags: number) => number = libc.func('int dup3(int, int, int)');
export const close: (fd: number) => number = libc.func('int close(int)');
export const lseek: (fd: number, offset: bigint, whence: number) => number | bigint = libc.func(
  'int64_t lseek(int, int64_t, int)',
);

/**
 * Ends the process at once. Node's own exit runs its event loop once more, which the engine's system call
 * filter refuses (libuv keeps an io_uring); nothing is buffered that would be lost.
 */
export const exitNow = (status: number): never => {
  _exit(status);
  throw new Error('_exit returned');
};
const _exit: (status: number) => void = libc.func('void _exit(int)');

/** Address of a buffer, to put it into a struct that is passed on. The buffer must outlive the call. */
export const addressOf = (buffer: Bytes): bigint => koffi.address(buffer);

/** fcntl.h */
const O_CLOEXEC = 0o2000000;

/** Has a descriptor go on as another one, which is used up. Returns 0 or a negated WASI errno. */
export const replaceDescriptor = (fd: number, by: number): number => {
  const result = dup3(by, fd, O_CLOEXEC) < 0 ? failure() : 0;
  close(by);
  return result;
};
