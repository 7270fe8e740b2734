/**
 * The C library, called directly through koffi: the only way to reach the system calls Node does not
 * offer (namespaces, netlink, openat2, poll, descriptors shared between processes).
 */
import { constants } from 'node:os';
import { koffi } from './koffi.ts';

/** glibc; the soname is fixed by its ABI. */
export const libc = koffi.load('libc.so.6');

/** `errno` of the last libc call on this thread; read it before any other libc call. */
export const errno = (): number => koffi.errno();

const NAMES = new Map<number, string>(
  Object.entries(constants.errno)
    // The same number as EAGAIN, under which everyone knows it.
    .filter(([name]) => name !== 'EWOULDBLOCK')
    .map(([name, code]) => [code, name]),
);

/** Symbolic name of a Linux errno, e.g. 98 → `EADDRINUSE`. */
export const errnoName = (code: number): string => NAMES.get(code) ?? `errno ${code}`;

/** A failed libc call: like Node's own system errors it carries `code`, `errno` and `syscall`. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly syscall: string;
  /** Positive errno. */
  readonly errno: number;
  /** Symbolic name, e.g. `EADDRINUSE`. */
  readonly code: string;

  constructor(syscall: string, code: number = errno()) {
    super(`${syscall} failed: ${errnoName(code)}`);
    this.syscall = syscall;
    this.errno = code;
    this.code = errnoName(code);
  }
}

/** Returns `result` of a libc call, or throws the {@link SystemCallError} its -1 stands for. */
export const check = (syscall: string, result: number): number => {
  if (result < 0) throw new SystemCallError(syscall);
  return result;
};
