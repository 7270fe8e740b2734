/**
 * WASI errno values (wasi_snapshot_preview1 witx, `$errno`) and the translation from Linux ones.
 * Inside the engine a result ≥ 0 is a value and a result < 0 is a negated WASI errno, as in the kernel.
 */
import { constants } from 'node:os';
import { errno } from '../os/libc.ts';

/** Linux errnos (errno.h) that the engine acts on itself: a signal arrived; nothing to do just now; nobody listens. */
export const EINTR = 4;
export const EAGAIN = 11;
export const EINVAL = 22;

export const WASI = {
  SUCCESS: 0,
  E2BIG: 1,
  EACCES: 2,
  EADDRINUSE: 3,
  EADDRNOTAVAIL: 4,
  EAFNOSUPPORT: 5,
  EAGAIN: 6,
  EALREADY: 7,
  EBADF: 8,
  EBADMSG: 9,
  EBUSY: 10,
  ECANCELED: 11,
  ECHILD: 12,
  ECONNABORTED: 13,
  ECONNREFUSED: 14,
  ECONNRESET: 15,
  EDEADLK: 16,
  EDESTADDRREQ: 17,
  EDOM: 18,
  EDQUOT: 19,
  EEXIST: 20,
  EFAULT: 21,
  EFBIG: 22,
  EHOSTUNREACH: 23,
  EIDRM: 24,
  EILSEQ: 25,
  EINPROGRESS: 26,
  EINTR: 27,
  EINVAL: 28,
  EIO: 29,
  EISCONN: 30,
  EISDIR: 31,
  ELOOP: 32,
  EMFILE: 33,
  EMLINK: 34,
  EMSGSIZE: 35,
  EMULTIHOP: 36,
  ENAMETOOLONG: 37,
  ENETDOWN: 38,
  ENETRESET: 39,
  ENETUNREACH: 40,
  ENFILE: 41,
  ENOBUFS: 42,
  ENODEV: 43,
  ENOENT: 44,
  ENOEXEC: 45,
  ENOLCK: 46,
  ENOLINK: 47,
  ENOMEM: 48,
  ENOMSG: 49,
  ENOPROTOOPT: 50,
  ENOSPC: 51,
  ENOSYS: 52,
  ENOTCONN: 53,
  ENOTDIR: 54,
  ENOTEMPTY: 55,
  ENOTSOCK: 57,
  ENOTSUP: 58,
  EOPNOTSUPP: 58,
  ENOTTY: 59,
  ENXIO: 60,
  EOVERFLOW: 61,
  EPERM: 63,
  EPIPE: 64,
  EPROTO: 65,
  EPROTONOSUPPORT: 66,
  EPROTOTYPE: 67,
  ERANGE: 68,
  EROFS: 69,
  ESPIPE: 70,
  ESRCH: 71,
  ESTALE: 72,
  ETIMEDOUT: 73,
  ETXTBSY: 74,
  EXDEV: 75,
  ENOTCAPABLE: 76,
} as const;

const fromLinux = new Uint8Array(256).fill(WASI.EIO);
const toLinuxTable = new Uint8Array(WASI.ENOTCAPABLE + 1).fill(constants.errno.EIO);
for (const [name, linux] of Object.entries(constants.errno)) {
  const wasi = (WASI as Record<string, number>)[name];
  if (wasi === undefined || linux >= fromLinux.length) continue;
  fromLinux[linux] = wasi;
  toLinuxTable[wasi] = linux;
}
// Linux has no word for what lies outside of what a guest may reach.
toLinuxTable[WASI.ENOTCAPABLE] = constants.errno.EACCES;

/** WASI errno for a Linux errno; EIO where WASI has none. */
export const toWasi = (linux: number): number => fromLinux[linux] ?? WASI.EIO;

/** Linux errno for a WASI errno; for guests that know Linux's numbers. */
export const toLinux = (wasi: number): number => toLinuxTable[wasi] ?? constants.errno.EIO;

/** Negated WASI errno of the libc call that just failed. */
export const failure = (): number => -toWasi(errno());
