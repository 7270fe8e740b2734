/** What the kernel keeps of a file beside its contents: asked and changed through a descriptor of it. */
import { check, errno, libc } from '../os/libc.ts';
import { FILETYPE, FILETYPE_OF_MODE } from './descriptor.ts';
import type { FileStat, FileSystemStat, FileTimes } from './descriptor.ts';
import { WASI, failure } from './errno.ts';

type SystemCall = (number: number, fd: number, path: Buffer, argument: number, flags: number) => number;
const syscall: SystemCall = libc.func('syscall', 'long', ['long', 'int', 'void *', 'uint32_t', 'int']);
const utimensat: (dirFd: number, path: Buffer, times: BigInt64Array, flags: number) => number = libc.func(
  'int utimensat(int, void *, void *, int)',
);
const statx: (fd: number, path: Buffer, flags: number, mask: number, result: Buffer) => number = libc.func(
  'int statx(int, void *, int, uint32_t, void *)',
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
/** statx(2), uapi/linux/stat.h: offsets in struct statx, the same on every architecture. */
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const STATX_SIZE = 256;
const STATX_NANOSECONDS = 8;
const STATX = {
  blksize: 4,
  nlink: 16,
  mode: 28,
  ino: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  btime: 80,
  ctime: 96,
  mtime: 112,
  rdev: 128,
  dev: 136,
} as const;
/** sys/stat.h, S_IFMT */
const KIND_MASK = 0o170000;
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

const status = Buffer.alloc(STATX_SIZE);
const number = (at: number): bigint => status.readBigUInt64LE(at);
const time = (at: number): bigint =>
  status.readBigInt64LE(at) * NANOSECONDS + BigInt(status.readUInt32LE(at + STATX_NANOSECONDS));

/** A device's number as stat(2) tells it (makedev(3), gnu_dev_makedev). */
const device = (at: number): bigint => {
  const [major, minor] = [status.readUInt32LE(at), status.readUInt32LE(at + 4)];
  const low = ((major & 0xfff) << 8) | (minor & 0xff);
  return (BigInt(major & 0xffff_f000) << 32n) | (BigInt(minor & 0xffff_ff00) << 12n) | BigInt(low);
};

/** stat(2) of any descriptor, O_PATH ones included. */
export const statHostFd = (fd: number): FileStat => {
  check('statx', statx(fd, EMPTY_PATH, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, status));
  const mode = status.readUInt16LE(STATX.mode);
  return {
    dev: device(STATX.dev),
    ino: number(STATX.ino),
    filetype: FILETYPE_OF_MODE.get(mode & KIND_MASK) ?? FILETYPE.unknown,
    nlink: BigInt(status.readUInt32LE(STATX.nlink)),
    size: number(STATX.size),
    atim: time(STATX.atime),
    mtim: time(STATX.mtime),
    ctim: time(STATX.ctime),
    birthtim: time(STATX.btime),
    mode,
    rdev: device(STATX.rdev),
    blksize: BigInt(status.readUInt32LE(STATX.blksize)),
    blocks: number(STATX.blocks),
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
