/** preview1: what can be done with a path beneath an open directory (`path_*`). */
import { FDFLAG, RIGHT } from '../descriptor.ts';
import type { Descriptor } from '../descriptor.ts';
import { WASI } from '../errno.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import { readFileTimes, writeFileStat } from './preview1-descriptors.ts';

/** preview1 `$lookupflags` and `$oflags` */
const LOOKUP_SYMLINK_FOLLOW = 1;
const OFLAG = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
const WRITE_RIGHTS = RIGHT.fdWrite | RIGHT.fdAllocate | RIGHT.fdSetSize;

export const pathFunctions = ({ memory, fds }: GuestContext): HostFunctions => {
  /** Runs `action` on a directory and a path (as bytes); its result is ≥ 0 or a negated errno. */
  const at = (
    fd: number,
    pathAt: number,
    pathLength: number,
    action: (directory: Descriptor, path: Buffer) => number,
  ): number => {
    const directory = fds.get(fd);
    if (directory === undefined) return WASI.EBADF;
    const result = action(directory, memory.path(pathAt, pathLength));
    return result < 0 ? -result : WASI.SUCCESS;
  };
  const atBoth =
    (operation: 'rename' | 'link') =>
    (fd: number, fromAt: number, fromLength: number, toFd: number, toAt: number, toLength: number): number =>
      at(fd, fromAt, fromLength, (directory, from) => {
        const target = fds.get(toFd);
        if (target === undefined) return -WASI.EBADF;
        return directory[operation](from, target, memory.path(toAt, toLength));
      });
  const link = atBoth('link');

  return {
    path_open: (
      fd: number,
      lookup: number,
      pathAt: number,
      pathLength: number,
      oflags: number,
      rights: bigint,
      _inheriting: bigint,
      flags: number,
      resultAt: number,
    ) =>
      at(fd, pathAt, pathLength, (directory, path) => {
        const opened = directory.open({
          path,
          followSymlinks: (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0,
          create: (oflags & OFLAG.create) !== 0,
          directory: (oflags & OFLAG.directory) !== 0,
          exclusive: (oflags & OFLAG.exclusive) !== 0,
          truncate: (oflags & OFLAG.truncate) !== 0,
          read: (rights & (RIGHT.fdRead | RIGHT.fdReaddir)) !== 0n,
          // Opening a directory "for everything" is common; directories are never written through.
          write: (rights & WRITE_RIGHTS) !== 0n && (oflags & OFLAG.directory) === 0,
          flags: flags & (FDFLAG.append | FDFLAG.dsync | FDFLAG.nonblock | FDFLAG.rsync | FDFLAG.sync),
        });
        if (typeof opened === 'number') return opened;
        const number = fds.add(opened);
        if (number < 0) return number;
        memory.view.setUint32(resultAt, number, true);
        return 0;
      }),

    path_create_directory: (fd: number, pathAt: number, length: number) =>
      at(fd, pathAt, length, (directory, path) => directory.makeDirectory(path)),
    path_remove_directory: (fd: number, pathAt: number, length: number) =>
      at(fd, pathAt, length, (directory, path) => directory.removeDirectory(path)),
    path_unlink_file: (fd: number, pathAt: number, length: number) =>
      at(fd, pathAt, length, (directory, path) => directory.unlink(path)),
    path_rename: atBoth('rename'),
    path_link(
      fd: number,
      lookup: number,
      fromAt: number,
      fromLength: number,
      toFd: number,
      toAt: number,
      toLength: number,
    ) {
      // A link to what a symbolic link points at could name a file outside the directory.
      if ((lookup & LOOKUP_SYMLINK_FOLLOW) !== 0) return WASI.EINVAL;
      return link(fd, fromAt, fromLength, toFd, toAt, toLength);
    },
    path_symlink: (targetAt: number, targetLength: number, fd: number, pathAt: number, length: number) =>
      at(fd, pathAt, length, (directory, path) =>
        directory.symlink(memory.path(targetAt, targetLength), path),
      ),
    path_readlink: (
      fd: number,
      pathAt: number,
      length: number,
      bufferAt: number,
      bufferLength: number,
      resultAt: number,
    ) =>
      at(fd, pathAt, length, (directory, path) => {
        const target = directory.readLink(path);
        if (typeof target === 'number') return target;
        const fits = target.subarray(0, bufferLength);
        memory.slice(bufferAt, fits.length).set(fits);
        memory.view.setUint32(resultAt, fits.length, true);
        return 0;
      }),
    path_filestat_get: (fd: number, lookup: number, pathAt: number, length: number, resultAt: number) =>
      at(fd, pathAt, length, (directory, path) => {
        const stat = directory.statAt(path, (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0);
        if (typeof stat === 'number') return stat;
        writeFileStat(memory, resultAt, stat);
        return 0;
      }),
    path_filestat_set_times: (
      fd: number,
      lookup: number,
      pathAt: number,
      length: number,
      atim: bigint,
      mtim: bigint,
      flags: number,
    ) =>
      at(fd, pathAt, length, (directory, path) => {
        const times = readFileTimes(atim, mtim, flags);
        if (times === undefined) return -WASI.EINVAL;
        return directory.setTimesAt(path, (lookup & LOOKUP_SYMLINK_FOLLOW) !== 0, times);
      }),
  };
};
