/** System calls that name files by their paths. */
import { WASI } from '../errno.ts';
import type { FileTimes } from '../descriptor.ts';
import type { GuestFileSystem } from '../guest-file-system.ts';
import { fromLinux, zeroTerminated } from './calls.ts';
import type { Call, GuestState } from './calls.ts';
import type { DescriptorNumbers } from './descriptor-numbers.ts';
import { writeStat } from './file-layouts.ts';

/** fcntl.h of musl */
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;
/** utimensat(2) */
const UTIME_NOW = 0x3fff_ffff;
const UTIME_OMIT = 0x3fff_fffe;
const NANOSECONDS = 1_000_000_000n;
/** Not the caller's to choose: what a file is made with. */
const UMASK = 0o022;

export const fileCalls = (
  { memory, fds }: GuestState,
  files: GuestFileSystem,
  numbers: DescriptorNumbers,
): Record<string, Call> => {
  /** A path of the guest from a directory's descriptor on. */
  const pathAt = (directory: number, address: number): Buffer =>
    numbers.pathFrom(directory, zeroTerminated(memory, address));
  const stat = (path: Buffer, address: number, follow: boolean): number => {
    const found = fromLinux(files.stat(path, follow));
    return typeof found === 'number' ? found : writeStat(memory, address, found);
  };
  const statOf = (fd: number, address: number): number => {
    const found = fds.get(fd)?.stat() ?? -WASI.EBADF;
    return typeof found === 'number' ? found : writeStat(memory, address, found);
  };
  const timesAt = (address: number): FileTimes => {
    if (address === 0) return { atim: 'now', mtim: 'now' };
    const time = (at: number): bigint | 'now' | undefined => {
      const nanoseconds = memory.view.getUint32(at + 8, true);
      if (nanoseconds === UTIME_NOW) return 'now';
      if (nanoseconds === UTIME_OMIT) return undefined;
      return memory.view.getBigInt64(at, true) * NANOSECONDS + BigInt(nanoseconds);
    };
    return { atim: time(address), mtim: time(address + 16) };
  };
  return {
    __syscall_stat64: (path: number, address: number) => stat(zeroTerminated(memory, path), address, true),
    __syscall_lstat64: (path: number, address: number) => stat(zeroTerminated(memory, path), address, false),
    __syscall_newfstatat: (directory: number, path: number, address: number, flags: number) => {
      const name = pathAt(directory, path);
      if (name.length === 0 && (flags & AT_EMPTY_PATH) !== 0) return statOf(directory, address);
      return stat(name, address, (flags & AT_SYMLINK_NOFOLLOW) === 0);
    },
    __syscall_fstat64: statOf,
    __syscall_faccessat: (directory: number, path: number, mode: number) =>
      fromLinux(files.access(pathAt(directory, path), mode)),
    __syscall_chdir: (path: number) => {
      const result = fromLinux(files.changeDirectory(zeroTerminated(memory, path)));
      return typeof result === 'number' ? result : 0;
    },
    __syscall_fchdir: (fd: number) => {
      const path = numbers.directoryPaths.get(fd);
      if (path === undefined) return fds.get(fd) === undefined ? -WASI.EBADF : -WASI.ENOTDIR;
      const result = fromLinux(files.changeDirectory(Buffer.from(path, 'latin1')));
      return typeof result === 'number' ? result : 0;
    },
    __syscall_getcwd: (address: number, size: number) => {
      const path = Buffer.from(`${files.currentDirectory}\0`, 'latin1');
      if (path.length > size) return -WASI.ERANGE;
      memory.slice(address, path.length).set(path);
      return path.length;
    },
    __syscall_mkdirat: (directory: number, path: number, mode: number) =>
      fromLinux(files.makeDirectory(pathAt(directory, path), mode & ~UMASK)),
    __syscall_rmdir: (path: number) => fromLinux(files.removeDirectory(zeroTerminated(memory, path))),
    __syscall_unlinkat: (directory: number, path: number, flags: number) => {
      const name = pathAt(directory, path);
      return fromLinux((flags & AT_REMOVEDIR) === 0 ? files.unlink(name) : files.removeDirectory(name));
    },
    __syscall_renameat: (from: number, path: number, to: number, target: number) =>
      fromLinux(files.rename(pathAt(from, path), pathAt(to, target))),
    __syscall_symlinkat: (target: number, directory: number, path: number) =>
      fromLinux(files.symlink(zeroTerminated(memory, target), pathAt(directory, path))),
    __syscall_readlinkat: (directory: number, path: number, address: number, size: number) => {
      const target = fromLinux(files.readLink(pathAt(directory, path)));
      if (typeof target === 'number') return target;
      const part = target.subarray(0, size);
      memory.slice(address, part.length).set(part);
      return part.length;
    },
    __syscall_chmod: (path: number, mode: number) =>
      fromLinux(files.setMode(zeroTerminated(memory, path), mode)),
    __syscall_fchmodat2: (directory: number, path: number, mode: number) =>
      fromLinux(files.setMode(pathAt(directory, path), mode)),
    __syscall_fchownat: (directory: number, path: number) =>
      fromLinux(files.setOwner(pathAt(directory, path), true, false)),
    __syscall_truncate64: (path: number, size: bigint) => {
      const O_WRONLY = 1;
      return fromLinux(
        files.using(zeroTerminated(memory, path), O_WRONLY, 0, (file) => -Math.abs(file.setSize(size))),
      );
    },
    __syscall_utimensat: (directory: number, path: number, times: number, flags: number) => {
      if (path === 0) return fds.get(directory)?.setTimes(timesAt(times)) ?? -WASI.EBADF;
      const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0;
      return fromLinux(files.setTimes(pathAt(directory, path), follow, timesAt(times)));
    },
    __syscall_mknodat: () => -WASI.EPERM,
    __syscall_umask_js: () => UMASK,
  };
};
