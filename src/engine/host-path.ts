/**
 * Paths beneath a directory, resolved by the kernel: openat2(2) with RESOLVE_BENEATH refuses `..`,
 * absolute paths and symbolic links that would leave the directory, RESOLVE_NO_MAGICLINKS those of /proc.
 */
import { O } from './open-flags.ts';
import { errno, libc } from '../os/libc.ts';
import { EAGAIN, WASI, failure } from './errno.ts';
import { close } from './libc.ts';

/** errno.h */
const EXDEV = 18;
/** openat2(2): the same system call number on every architecture. */
const SYS_OPENAT2 = 437;
/** linux/openat2.h */
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_BENEATH = 0x08n;
export const RESOLVE_NO_SYMLINKS = 0x04n;
/** A path with `..` cannot be vouched for while something is renamed anywhere: EAGAIN, says openat2(2), try again. */
const MAX_ATTEMPTS = 16;
/** sizeof(struct open_how): flags, mode, resolve, 8 bytes each. */
const OPEN_HOW_SIZE = 24;
const howTo = new BigUint64Array(OPEN_HOW_SIZE / 8);

const syscall: (number: number, dirFd: number, path: Buffer, how: BigUint64Array, size: number) => number =
  libc.func('syscall', 'long', ['long', 'int', 'void *', 'void *', 'size_t']);

/** A NUL-terminated copy of a guest's path; undefined if it contains NUL itself. */
export const toCString = (path: Uint8Array): Buffer | undefined => {
  if (path.includes(0)) return undefined;
  const text = Buffer.allocUnsafe(path.length + 1);
  text.set(path);
  text[path.length] = 0;
  return text;
};

/**
 * Opens `path` beneath `dirFd`. Returns a descriptor or a negated errno (ENOTCAPABLE for an escape).
 * @param resolve - further RESOLVE_* bits
 */
export const openBeneath = (
  dirFd: number,
  path: Uint8Array,
  flags: number,
  mode = 0,
  resolve = 0n,
): number => {
  const name = toCString(path);
  if (name === undefined) return -WASI.EILSEQ;
  howTo[0] = BigInt(flags | O.CLOEXEC);
  howTo[1] = BigInt(mode);
  howTo[2] = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve;
  let fd = -1;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    fd = syscall(SYS_OPENAT2, dirFd, name, howTo, OPEN_HOW_SIZE);
    if (fd >= 0) return fd;
    if (errno() !== EAGAIN) break;
  }
  // openat2(2): EXDEV means that the path would leave the directory; preview1 calls that "not capable".
  return errno() === EXDEV ? -WASI.ENOTCAPABLE : failure();
};

const SLASH = 0x2f;

/** The directory a path's last component lies in, opened beneath `dirFd`, and that component. */
export interface ParentDirectory extends Disposable {
  readonly fd: number;
  /** NUL-terminated; a trailing slash of the path is kept, the kernel gives it its meaning. */
  readonly name: Buffer;
}

/**
 * Resolves all but the last component, for the calls that have no RESOLVE_BENEATH form (mkdirat, unlinkat,
 * renameat, …). They follow no symbolic link in the last component; `.` and `..` there are refused.
 */
export const openParent = (dirFd: number, path: Buffer): ParentDirectory | number => {
  let end = path.length;
  while (end > 0 && path[end - 1] === SLASH) end -= 1;
  if (end === 0) return path.length === 0 ? -WASI.ENOENT : -WASI.ENOTCAPABLE;
  const slash = path.lastIndexOf(SLASH, end - 1);
  const last = path.toString('latin1', slash + 1, end);
  if (last === '..') return -WASI.ENOTCAPABLE;
  if (last === '.') return -WASI.EINVAL;
  const name = toCString(path.subarray(slash + 1));
  if (name === undefined) return -WASI.EILSEQ;
  // Keeping the slash makes an absolute path stay absolute, and so refused.
  const directory = slash < 0 ? Buffer.from('.') : path.subarray(0, slash + 1);
  const fd = openBeneath(dirFd, directory, O.PATH | O.DIRECTORY);
  if (fd < 0) return fd;
  return { fd, name, [Symbol.dispose]: () => void close(fd) };
};
