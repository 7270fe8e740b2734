/** A directory of the host that the guest may use, and everything done with paths beneath it. */
import { libc } from '../os/libc.ts';
import { Descriptor, FDFLAG, FILETYPE, RIGHT } from './descriptor.ts';
import type { DirectoryEntry, FileStat, FileSystemStat, FileTimes, OpenRequest } from './descriptor.ts';
import { WASI, failure } from './errno.ts';
import {
  accessHost,
  setHostMode,
  setHostTimes,
  statHostFd,
  statHostFileSystem,
  syncHost,
} from './host-attributes.ts';
import { HostFile } from './host-files.ts';
import { RESOLVE_NO_SYMLINKS, openBeneath, openParent, toCString } from './host-path.ts';
import { O } from './open-flags.ts';
import type { ParentDirectory } from './host-path.ts';
import { close, lseek } from './libc.ts';
import type { Poller } from './poll.ts';

type At = (dirFd: number, name: Buffer, argument: number) => number;
const syncfs: (fd: number) => number = libc.func('int syncfs(int)');
const mkdirat: At = libc.func('int mkdirat(int, void *, uint32_t)');
const unlinkat: At = libc.func('int unlinkat(int, void *, int)');
const renameat: (fromFd: number, from: Buffer, toFd: number, to: Buffer) => number = libc.func(
  'int renameat(int, void *, int, void *)',
);
const linkat: (fromFd: number, from: Buffer, toFd: number, to: Buffer, flags: number) => number = libc.func(
  'int linkat(int, void *, int, void *, int)',
);
const symlinkat: (target: Buffer, dirFd: number, name: Buffer) => number = libc.func(
  'int symlinkat(void *, int, void *)',
);
const readlinkat: (dirFd: number, name: Buffer, buffer: Buffer, size: number) => number = libc.func(
  'int64_t readlinkat(int, void *, void *, size_t)',
);
const getdents64: (fd: number, buffer: Buffer, size: number) => number = libc.func(
  'int64_t getdents64(int, void *, size_t)',
);

/** fcntl.h */
const AT_REMOVEDIR = 0x200;
/** limits.h */
const PATH_MAX = 4096;
const NEW_FILE_MODE = 0o666;
const NEW_DIRECTORY_MODE = 0o777;
/** struct linux_dirent64 (getdents(2)): d_ino 8, d_off 8, d_reclen 2, d_type 1, then the name. */
const DIRENT = { inode: 0, next: 8, recordLength: 16, type: 18, name: 19 } as const;
const DIRENT_BUFFER_SIZE = 32_768;
/** dirent.h, DT_* to preview1 `$filetype`. */
const FILETYPE_OF_DIRENT: Readonly<Record<number, number>> = {
  2: FILETYPE.characterDevice,
  4: FILETYPE.directory,
  6: FILETYPE.blockDevice,
  8: FILETYPE.regularFile,
  10: FILETYPE.symbolicLink,
  12: FILETYPE.socketStream,
};
const SEEK_SET = 0;
/** access(2), W_OK */
const MAY_WRITE = 2;

export class HostDirectory extends Descriptor {
  override readonly filetype = FILETYPE.directory;
  readonly #hostFd: number;
  readonly #readOnly: boolean;
  readonly #poller: Poller;

  constructor(hostFd: number, poller: Poller, readOnly: boolean) {
    super();
    this.#hostFd = hostFd;
    this.#poller = poller;
    this.#readOnly = readOnly;
    if (readOnly) this.rights &= ~(RIGHT.fdWrite | RIGHT.fdAllocate | RIGHT.fdSetSize);
  }

  protected override closeHost(): number {
    return close(this.#hostFd) < 0 ? failure() : 0;
  }

  override read(): number {
    return -WASI.EISDIR;
  }

  override syncFileSystem(): number {
    return syncfs(this.#hostFd) < 0 ? failure() : 0;
  }

  override stat(): FileStat {
    return statHostFd(this.#hostFd);
  }

  override open(request: OpenRequest): Descriptor | number {
    const writes = request.write || request.create || request.truncate;
    if (writes && this.#readOnly) return -WASI.EROFS;
    const flags = openFlags(request);
    const mode = request.create ? (request.mode ?? NEW_FILE_MODE) : 0;
    const fd = openBeneath(this.#hostFd, request.path, flags, mode);
    if (fd < 0) return fd;
    const { filetype } = statHostFd(fd);
    if (filetype === FILETYPE.directory) return new HostDirectory(fd, this.#poller, this.#readOnly);
    const { read, write } = request;
    return new HostFile(fd, this.#poller, {
      filetype,
      flags: request.flags,
      readable: read,
      writable: write,
      readOnly: this.#readOnly,
    });
  }

  /** Entries from a cookie on (0: the first); the cookie is the kernel's own d_off. */
  override entries(cookie: bigint): Iterable<DirectoryEntry> | number {
    if (BigInt(lseek(this.#hostFd, cookie, SEEK_SET)) < 0n) return failure();
    return readEntries(this.#hostFd);
  }

  override makeDirectory(path: Buffer, mode: number = NEW_DIRECTORY_MODE): number {
    return this.#change(path, ({ fd, name }) => mkdirat(fd, name, mode));
  }

  override removeDirectory(path: Buffer): number {
    return this.#change(path, ({ fd, name }) => unlinkat(fd, name, AT_REMOVEDIR));
  }

  override unlink(path: Buffer): number {
    return this.#change(path, ({ fd, name }) => unlinkat(fd, name, 0));
  }

  override rename(from: Buffer, directory: Descriptor, to: Buffer): number {
    return this.#changeTwo(from, directory, to, (source, target) =>
      renameat(source.fd, source.name, target.fd, target.name),
    );
  }

  override link(from: Buffer, directory: Descriptor, to: Buffer): number {
    return this.#changeTwo(from, directory, to, (source, target) =>
      linkat(source.fd, source.name, target.fd, target.name, 0),
    );
  }

  override symlink(target: Buffer, path: Buffer, mayBeAbsolute = false): number {
    const content = toCString(target);
    if (content === undefined) return -WASI.EILSEQ;
    // An absolute link would point somewhere else for the host's own programs than for the guest.
    if (target[0] === 0x2f && !mayBeAbsolute) return -WASI.ENOTCAPABLE;
    return this.#change(path, ({ fd, name }) => symlinkat(content, fd, name));
  }

  override readLink(path: Buffer): Buffer | number {
    const parent = openParent(this.#hostFd, path);
    if (typeof parent === 'number') return parent;
    using opened = parent;
    const target = Buffer.alloc(PATH_MAX);
    const length = readlinkat(opened.fd, opened.name, target, PATH_MAX);
    return length < 0 ? failure() : target.subarray(0, length);
  }

  override statAt(path: Buffer, followSymlinks: boolean): FileStat | number {
    return this.#onPath(path, followSymlinks, statHostFd);
  }

  override setTimesAt(path: Buffer, followSymlinks: boolean, times: FileTimes): number {
    if (this.#readOnly) return -WASI.EROFS;
    return this.#onPath(path, followSymlinks, (fd) => setHostTimes(fd, times));
  }

  override setModeAt(path: Buffer, mode: number): number {
    if (this.#readOnly) return -WASI.EROFS;
    const result = this.#onPath(path, true, (fd) => setHostMode(fd, mode));
    if (result !== -WASI.ENOSYS) return result;
    // Before Linux 6.6 what cannot be read cannot be changed either.
    const fd = openBeneath(this.#hostFd, path, O.RDONLY | O.NONBLOCK | O.NOCTTY);
    if (fd < 0) return fd;
    try {
      return setHostMode(fd, mode);
    } finally {
      close(fd);
    }
  }

  override isStraight(path: Buffer): boolean {
    const fd = openBeneath(this.#hostFd, path, O.PATH, 0, RESOLVE_NO_SYMLINKS);
    if (fd >= 0) close(fd);
    return fd >= 0;
  }

  override accessAt(path: Buffer, mode: number): number {
    if ((mode & MAY_WRITE) !== 0 && this.#readOnly) return -WASI.EROFS;
    return this.#onPath(path, true, (fd) => accessHost(fd, mode));
  }

  override sync(dataOnly: boolean): number {
    return syncHost(this.#hostFd, dataOnly);
  }

  override setMode(mode: number): number {
    return this.#readOnly ? -WASI.EROFS : setHostMode(this.#hostFd, mode);
  }

  override statFileSystem(): FileSystemStat | number {
    return statHostFileSystem(this.#hostFd);
  }

  #onPath<Result>(path: Buffer, follow: boolean, action: (fd: number) => Result): Result | number {
    const fd = openBeneath(this.#hostFd, path, O.PATH | (follow ? 0 : O.NOFOLLOW));
    if (fd < 0) return fd;
    try {
      return action(fd);
    } finally {
      close(fd);
    }
  }

  #change(path: Buffer, call: (parent: ParentDirectory) => number): number {
    if (this.#readOnly) return -WASI.EROFS;
    const parent = openParent(this.#hostFd, path);
    if (typeof parent === 'number') return parent;
    using opened = parent;
    return call(opened) < 0 ? failure() : 0;
  }

  #changeTwo(
    from: Buffer,
    directory: Descriptor,
    to: Buffer,
    call: (source: ParentDirectory, target: ParentDirectory) => number,
  ): number {
    if (!(directory instanceof HostDirectory)) return -WASI.EXDEV;
    if (this.#readOnly || directory.#readOnly) return -WASI.EROFS;
    const source = openParent(this.#hostFd, from);
    if (typeof source === 'number') return source;
    using openedSource = source;
    const target = openParent(directory.#hostFd, to);
    if (typeof target === 'number') return target;
    using openedTarget = target;
    return call(openedSource, openedTarget) < 0 ? failure() : 0;
  }
}

const openFlags = (request: OpenRequest): number => {
  // A FIFO or device must not block the engine while it is opened; reads wait in poll instead.
  let flags: number = O.NOCTTY | O.NONBLOCK;
  if (request.directory) flags |= O.DIRECTORY;
  else if (request.write) flags |= request.read ? O.RDWR : O.WRONLY;
  if (!request.followSymlinks) flags |= O.NOFOLLOW;
  if (request.create) flags |= O.CREAT;
  if (request.exclusive) flags |= O.EXCL;
  if (request.truncate) flags |= O.TRUNC;
  if ((request.flags & FDFLAG.append) !== 0) flags |= O.APPEND;
  if ((request.flags & FDFLAG.dsync) !== 0) flags |= O.DSYNC;
  if ((request.flags & (FDFLAG.sync | FDFLAG.rsync)) !== 0) flags |= O.SYNC;
  return flags;
};

function* readEntries(fd: number): Generator<DirectoryEntry> {
  const buffer = Buffer.alloc(DIRENT_BUFFER_SIZE);
  for (;;) {
    const length = getdents64(fd, buffer, buffer.length);
    if (length <= 0) return;
    for (let at = 0; at < length; at += buffer.readUInt16LE(at + DIRENT.recordLength)) {
      const name = at + DIRENT.name;
      yield {
        ino: buffer.readBigUInt64LE(at + DIRENT.inode),
        next: buffer.readBigUInt64LE(at + DIRENT.next),
        filetype: FILETYPE_OF_DIRENT[buffer[at + DIRENT.type]!] ?? FILETYPE.unknown,
        name: buffer.subarray(name, buffer.indexOf(0, name)),
      };
    }
  }
}
