/** preview1: what can be done with an open descriptor (`fd_*`). */
import { FDFLAG, FILETYPE, RIGHT } from '../descriptor.ts';
import type { Descriptor, FileStat } from '../descriptor.ts';
import { WASI } from '../errno.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { Socket } from '../sockets.ts';

/** preview1 witx: `$prestat` tag of a directory; sizes and offsets of structs in bytes. */
const PRESTAT_DIRECTORY = 0;
/** A tag wasi-libc skips: EBADF would make it stop looking for directories behind a preopened socket. */
const PRESTAT_OTHER = 0xff;
const DIRENT = { size: 24, next: 0, inode: 8, nameLength: 16, type: 20 } as const;
const FILESTAT_SIZE = 64;
const FDSTAT = { flags: 2, rights: 8, inheriting: 16 } as const;
/** preview1 `$fstflags` */
const FSTFLAG = { atim: 1, atimNow: 2, mtim: 4, mtimNow: 8 } as const;
const ALL_FDFLAGS = FDFLAG.append | FDFLAG.dsync | FDFLAG.nonblock | FDFLAG.rsync | FDFLAG.sync;

/** Writes `$filestat` at a guest address. */
export const writeFileStat = (memory: GuestMemory, at: number, stat: FileStat): void => {
  const { view } = memory;
  memory.slice(at, FILESTAT_SIZE).fill(0);
  view.setBigUint64(at, stat.dev, true);
  view.setBigUint64(at + 8, stat.ino, true);
  view.setUint8(at + 16, stat.filetype);
  view.setBigUint64(at + 24, stat.nlink, true);
  view.setBigUint64(at + 32, stat.size, true);
  view.setBigUint64(at + 40, stat.atim, true);
  view.setBigUint64(at + 48, stat.mtim, true);
  view.setBigUint64(at + 56, stat.ctim, true);
};

/** Decodes `$fstflags` with the times they go with; undefined where they contradict each other. */
export const readFileTimes = (
  atim: bigint,
  mtim: bigint,
  flags: number,
): { atim: bigint | 'now' | undefined; mtim: bigint | 'now' | undefined } | undefined => {
  const both = (first: number, second: number): boolean => (flags & first) !== 0 && (flags & second) !== 0;
  if (both(FSTFLAG.atim, FSTFLAG.atimNow) || both(FSTFLAG.mtim, FSTFLAG.mtimNow)) return undefined;
  const pick = (set: number, now: number, time: bigint): bigint | 'now' | undefined => {
    if ((flags & now) !== 0) return 'now';
    return (flags & set) === 0 ? undefined : BigInt.asUintN(64, time);
  };
  return {
    atim: pick(FSTFLAG.atim, FSTFLAG.atimNow, atim),
    mtim: pick(FSTFLAG.mtim, FSTFLAG.mtimNow, mtim),
  };
};

export const descriptorFunctions = ({ memory, fds }: GuestContext): HostFunctions => {
  /** Runs `action` on a descriptor; its result is ≥ 0 or a negated errno. */
  const on = (fd: number, action: (descriptor: Descriptor) => number): number => {
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return WASI.EBADF;
    const result = action(descriptor);
    return result < 0 ? -result : WASI.SUCCESS;
  };
  /** The same for a transfer of bytes, whose number goes to `resultAt`. */
  const transfer = (
    fd: number,
    iovecs: number,
    count: number,
    resultAt: number,
    action: (descriptor: Descriptor) => number,
  ): number => {
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return WASI.EBADF;
    memory.readIovecs(iovecs, count);
    const length = action(descriptor);
    if (length < 0) return -length;
    memory.view.setUint32(resultAt, length, true);
    return WASI.SUCCESS;
  };
  const seek = (fd: number, offset: bigint, whence: number, resultAt: number): number =>
    on(fd, (descriptor) => {
      const position = descriptor.seek(offset, whence);
      if (typeof position === 'number') return position;
      memory.view.setBigUint64(resultAt, position, true);
      return 0;
    });

  return {
    fd_close(fd: number) {
      const result = fds.close(fd);
      return result < 0 ? -result : WASI.SUCCESS;
    },
    fd_renumber(from: number, to: number) {
      const result = fds.renumber(from, to);
      return result < 0 ? -result : WASI.SUCCESS;
    },
    fd_read: (fd: number, iovecs: number, count: number, resultAt: number) =>
      transfer(fd, iovecs, count, resultAt, (descriptor) => descriptor.read(memory)),
    fd_write: (fd: number, iovecs: number, count: number, resultAt: number) =>
      transfer(fd, iovecs, count, resultAt, (descriptor) => descriptor.write(memory)),
    fd_pread: (fd: number, iovecs: number, count: number, offset: bigint, resultAt: number) =>
      transfer(fd, iovecs, count, resultAt, (descriptor) => descriptor.pread(memory, offset)),
    fd_pwrite: (fd: number, iovecs: number, count: number, offset: bigint, resultAt: number) =>
      transfer(fd, iovecs, count, resultAt, (descriptor) => descriptor.pwrite(memory, offset)),
    fd_seek: seek,
    fd_tell: (fd: number, resultAt: number) => seek(fd, 0n, 1, resultAt),
    fd_sync: (fd: number) => on(fd, (descriptor) => descriptor.sync(false)),
    fd_datasync: (fd: number) => on(fd, (descriptor) => descriptor.sync(true)),
    fd_advise: (fd: number) =>
      // Advice may be ignored (posix_fadvise(2)), except where it makes no sense.
      on(fd, (descriptor) => (descriptor.filetype === FILETYPE.regularFile ? 0 : -WASI.ESPIPE)),
    fd_allocate: (fd: number, offset: bigint, length: bigint) =>
      on(fd, (descriptor) => descriptor.allocate(offset, length)),
    fd_filestat_set_size: (fd: number, size: bigint) => on(fd, (descriptor) => descriptor.setSize(size)),
    fd_filestat_set_times: (fd: number, atim: bigint, mtim: bigint, flags: number) =>
      on(fd, (descriptor) => {
        const times = readFileTimes(atim, mtim, flags);
        return times === undefined ? -WASI.EINVAL : descriptor.setTimes(times);
      }),
    fd_filestat_get: (fd: number, resultAt: number) =>
      on(fd, (descriptor) => {
        const stat = descriptor.stat();
        if (typeof stat === 'number') return stat;
        writeFileStat(memory, resultAt, stat);
        return 0;
      }),

    fd_fdstat_get: (fd: number, at: number) =>
      on(fd, (descriptor) => {
        memory.slice(at, DIRENT.size).fill(0);
        memory.view.setUint8(at, descriptor.filetype);
        memory.view.setUint16(at + FDSTAT.flags, descriptor.flags, true);
        memory.view.setBigUint64(at + FDSTAT.rights, descriptor.rights, true);
        const inheriting = descriptor.filetype === FILETYPE.directory ? descriptor.rights : 0n;
        memory.view.setBigUint64(at + FDSTAT.inheriting, inheriting, true);
        return 0;
      }),
    fd_fdstat_set_flags: (fd: number, flags: number) =>
      on(fd, (descriptor) => ((flags & ~ALL_FDFLAGS) === 0 ? descriptor.setFlags(flags) : -WASI.EINVAL)),
    // Rights are gone from WASI's later drafts; giving some up is remembered, taking more is refused.
    fd_fdstat_set_rights: (fd: number, rights: bigint) =>
      on(fd, (descriptor) => {
        if ((rights & RIGHT.all & ~descriptor.rights) !== 0n) return -WASI.ENOTCAPABLE;
        descriptor.rights = rights & RIGHT.all;
        return 0;
      }),

    fd_prestat_get: (fd: number, at: number) =>
      on(fd, (descriptor) => {
        if (descriptor.preopenPath === undefined) {
          if (!(descriptor instanceof Socket)) return -WASI.EBADF;
          memory.view.setUint32(at, PRESTAT_OTHER, true);
          memory.view.setUint32(at + 4, 0, true);
          return 0;
        }
        memory.view.setUint32(at, PRESTAT_DIRECTORY, true);
        memory.view.setUint32(at + 4, Buffer.byteLength(descriptor.preopenPath), true);
        return 0;
      }),
    fd_prestat_dir_name: (fd: number, at: number, length: number) =>
      on(fd, (descriptor) => {
        if (descriptor.preopenPath === undefined) return -WASI.EBADF;
        const name = Buffer.from(descriptor.preopenPath);
        if (length < name.length) return -WASI.ENAMETOOLONG;
        memory.slice(at, name.length).set(name);
        return 0;
      }),

    fd_readdir: (fd: number, at: number, length: number, cookie: bigint, resultAt: number) =>
      on(fd, (descriptor) => {
        const entries = descriptor.entries(cookie);
        if (typeof entries === 'number') return entries;
        const room = memory.slice(at, length);
        let used = 0;
        for (const entry of entries) {
          const record = Buffer.alloc(DIRENT.size + entry.name.length);
          record.writeBigUInt64LE(entry.next, DIRENT.next);
          record.writeBigUInt64LE(entry.ino, DIRENT.inode);
          record.writeUInt32LE(entry.name.length, DIRENT.nameLength);
          record.writeUInt8(entry.filetype, DIRENT.type);
          record.set(entry.name, DIRENT.size);
          // A full buffer, cut in the middle of an entry, tells the guest that there is more.
          const fits = Math.min(record.length, length - used);
          room.set(record.subarray(0, fits), used);
          used += fits;
          if (used === length) break;
        }
        memory.view.setUint32(resultAt, used, true);
        return 0;
      }),
  };
};
