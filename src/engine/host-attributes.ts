/** What the kernel keeps of a file beside its contents: asked and changed through a descriptor of it. */
import { fstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { errno, libc } from '../os/libc.ts';
import { FILETYPE } from './descriptor.ts';
import type { FileStat, FileSystemStat, FileTimes } from './descriptor.ts';
import { WASI, failure } from './errno.ts';

type SystemCall = (number: number, fd: number, path: Buffer, argument: number, flags: number) => number;
const syscall: SystemCall = libc.func('syscall', 'long', ['long', 'int', 'void *', 'uint32_t', 'int']);
const utimensat: (dirFd: number, path: Buffer, times: BigInt64Array, flags: number) => number = libc.func(
  'int utimensat(int, void *, void *, int)',
);
const fchmod: (fd: number, mode: number) => number = libc.func('int fchmod(int, uint32_t)');
const fsync: (fd: number) => number = libc.func('int fsync(int)');
const fdatasync: (fd: number) => number = libc.func('int fdatasync(int)');
const fstatfs: (fd: number, result: Buffer) => number = libc.func('int fstatfs(int, void *)');

/** The same numbers on every architecture: asm-generic/unistd.h. */
const SYS_FACCESSAT2 = 439;
const SYS_FCHMODAT2 = 452;
/** errno.h */
const ENOSYS = 38;
/** utimensat(2) */
const UTIME_NOW = (1n << 30n) - 1n;
const UTIME_OMIT = (1n << 30n) - 2n;
/** fcntl.h */
const AT_EMPTY_PATH = 0x1000;
const AT_EACCESS = 0x200;
const EMPTY_PATH = Buffer.alloc(1);
const NANOSECONDS = 1_000_000_000n;
/** A guest gives nobody another identity: no set-user-ID, set-group-ID or sticky bit. */
const PERMISSIONS = 0o777;
/** struct statfs of 64-bit machines (asm-generic/statfs.h): 8 bytes each. */
const STATFS = {
  type: 0,
  blockSize: 8,
  blocks: 16,
  free: 24,
  available: 32,
  files: 40,
  freeFiles: 48,
} as const;
const STATFS_SIZE = 120;

const filetypeOf = (stat: BigIntStats): number => {
  if (stat.isFile()) return FILETYPE.regularFile;
  if (stat.isDirectory()) return FILETYPE.directory;
  if (stat.isSymbolicLink()) return FILETYPE.symbolicLink;
  if (stat.isCharacterDevice()) return FILETYPE.characterDevice;
  if (stat.isBlockDevice()) return FILETYPE.blockDevice;
  if (stat.isSocket()) return FILETYPE.socketStream;
  return FILETYPE.unknown;
};

/** fstat(2) of any descriptor, O_PATH ones included. */
export const statHostFd = (fd: number): FileStat => {
  const stat = fstatSync(fd, { bigint: true });
  return {
    dev: stat.dev,
    ino: stat.ino,
    filetype: filetypeOf(stat),
    nlink: stat.nlink,
    size: stat.size,
    atim: stat.atimeNs,
    mtim: stat.mtimeNs,
    ctim: stat.ctimeNs,
    birthtim: stat.birthtimeNs,
    mode: Number(stat.mode),
    rdev: stat.rdev,
    blksize: stat.blksize,
    blocks: stat.blocks,
  };
};

const toTimespec = (time: bigint | 'now' | undefined): [bigint, bigint] => {
  if (time === 'now') return [0n, UTIME_NOW];
  if (time === undefined) return [0n, UTIME_OMIT];
  // Before 1970 the seconds are negative and the nanoseconds still not.
  const fraction = BigInt.asIntN(64, time) % NANOSECONDS;
  const nanoseconds = fraction < 0n ? fraction + NANOSECONDS : fraction;
  return [(BigInt.asIntN(64, time) - nanoseconds) / NANOSECONDS, nanoseconds];
};

/** Sets the times of whatever `fd` refers to; O_PATH descriptors need Linux 5.8 (AT_EMPTY_PATH). */
export const setHostTimes = (fd: number, { atim, mtim }: FileTimes): number => {
  const times = BigInt64Array.from([...toTimespec(atim), ...toTimespec(mtim)]);
  return utimensat(fd, EMPTY_PATH, times, AT_EMPTY_PATH) < 0 ? failure() : 0;
};

/**
 * Sets the permission bits, and only those, of whatever `fd` refers to. O_PATH descriptors need Linux 6.6
 * (fchmodat2); before, the answer is -ENOSYS.
 */
export const setHostMode = (fd: number, mode: number): number => {
  if (syscall(SYS_FCHMODAT2, fd, EMPTY_PATH, mode & PERMISSIONS, AT_EMPTY_PATH) >= 0) return 0;
  // An older kernel changes what is open for more than its path.
  if (errno() !== ENOSYS) return failure();
  if (fchmod(fd, mode & PERMISSIONS) >= 0) return 0;
  const code = failure();
  return code === -WASI.EBADF ? -WASI.ENOSYS : code;
};

/** access(2) of whatever `fd` refers to, as the user the engine is. */
export const accessHost = (fd: number, mode: number): number =>
  syscall(SYS_FACCESSAT2, fd, EMPTY_PATH, mode, AT_EMPTY_PATH | AT_EACCESS) < 0 ? failure() : 0;

export const syncHost = (fd: number, dataOnly: boolean): number =>
  (dataOnly ? fdatasync(fd) : fsync(fd)) < 0 ? failure() : 0;

export const statHostFileSystem = (fd: number): FileSystemStat | number => {
  const result = Buffer.alloc(STATFS_SIZE);
  if (fstatfs(fd, result) < 0) return failure();
  const at = (offset: number): number => Number(result.readBigUInt64LE(offset));
  return {
    type: at(STATFS.type),
    blockSize: at(STATFS.blockSize),
    blocks: at(STATFS.blocks),
    freeBlocks: at(STATFS.free),
    availableBlocks: at(STATFS.available),
    files: at(STATFS.files),
    freeFiles: at(STATFS.freeFiles),
  };
};
