/**
 * The files of a guest: paths and descriptors as a program on Linux has them, over the descriptors every guest of the
 * engine has. Results are values, or negated errno numbers of Linux (libuv's). A path is text, or bytes that are none.
 */
import { constants } from 'node:fs';
import { FDFLAG, FILETYPE } from './descriptor.ts';
import type {
  Descriptor,
  DirectoryEntry,
  FileStat,
  FileSystemStat,
  FileTimes,
  OpenRequest,
} from './descriptor.ts';
import { WASI, toLinux } from './errno.ts';
import type { FdTable } from './fd-table.ts';
import { MountTable } from './mount-table.ts';
import type { GuestMount, Place } from './mount-table.ts';
import { OpenFiles, linuxResult } from './open-files.ts';

export type GuestPath = string | Uint8Array;

/** Does something with a path relative to a directory; the result is ≥ 0, an object, or a negated WASI errno. */
type Action<Result> = (place: Place) => Result | number;

const { O_APPEND, O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOFOLLOW, O_RDONLY, O_SYNC, O_TRUNC, O_WRONLY } =
  constants;
/** fcntl.h, what node:fs has no name for: the same on every architecture. */
const ACCESS_MODE = 3;
const O_PATH = 0o10000000;
const O_TMPFILE = 0o20000000;
const PERMISSIONS = 0o777;
const DOTS = /\/\.\.(?:\/|$)/;
const NEEDLESS = /\/(?:\.?\/)+/g;
const LAST_DOTS = /(?:^|\/)\.{1,2}\/*$/;

/** Errnos for what cannot be made or removed, because it is a mount point, or called `.` or `..`. */
interface Refusal {
  readonly mountPoint: number;
  readonly dots: number;
}

const REFUSAL = {
  making: { mountPoint: WASI.EEXIST, dots: WASI.EEXIST },
  removal: { mountPoint: WASI.EBUSY, dots: WASI.EINVAL },
  unlinking: { mountPoint: WASI.EISDIR, dots: WASI.EISDIR },
} as const;

export class GuestFileSystem {
  readonly openFiles: OpenFiles;
  readonly #mounts: MountTable;
  #directory = '/';
  #changes = 0;

  /**
   * @param mounts - none is `/proc` or the like: what they show would be the engine's
   * @param fds - the standard streams are in it
   */
  constructor(mounts: readonly GuestMount[], fds: FdTable) {
    this.openFiles = new OpenFiles(fds);
    this.#mounts = new MountTable(mounts);
  }

  get currentDirectory(): string {
    return this.#directory;
  }

  /** Relative paths start here from now on; the directory's own path, without symbolic links. */
  /** How often names may have come or gone. */
  get changes(): number {
    return this.#changes;
  }

  changeDirectory(path: GuestPath): string | number {
    const place = this.#mounts.walk(this.#absolute(path), true);
    if (typeof place === 'number') return linuxResult(place);
    const stat = place.directory.statAt(place.path, true);
    if (typeof stat === 'number') return linuxResult(stat);
    if (stat.filetype !== FILETYPE.directory) return -toLinux(WASI.ENOTDIR);
    this.#directory = withoutSlash(place.guestPath);
    return Buffer.from(this.#directory, 'latin1').toString();
  }

  /** open(2): a new descriptor. */
  open(path: GuestPath, flags: number, mode: number): number {
    const opened = this.openDescriptor(path, flags, mode);
    return typeof opened === 'number' ? opened : this.openFiles.add(opened);
  }

  openDescriptor(path: GuestPath, flags: number, mode: number): Descriptor | number {
    if ((flags & O_TMPFILE) !== 0) return -toLinux(WASI.ENOTSUP);
    if ((flags & O_PATH) !== 0) return -toLinux(WASI.EINVAL);
    const request = requestOf(flags, mode);
    if (request.create) this.#changes += 1;
    const follow = request.followSymlinks && !(request.create && request.exclusive);
    return this.#at(path, follow, ({ directory, path: relative }) =>
      directory.open({ ...request, path: relative }),
    );
  }

  /** Does something with a descriptor that nobody else knows and that is closed afterwards. */
  using<Result>(
    path: GuestPath,
    flags: number,
    mode: number,
    action: (file: Descriptor) => Result | number,
  ): Result | number {
    const opened = this.openDescriptor(path, flags, mode);
    if (typeof opened === 'number') return opened;
    try {
      return action(opened);
    } finally {
      opened.close();
    }
  }

  /** The text of a file. */
  readText(path: GuestPath, flags: number): string | number {
    const bytes = this.readBytes(path, flags);
    return typeof bytes === 'number' ? bytes : bytes.toString();
  }

  /** What is in a file. */
  readBytes(path: GuestPath, flags: number): Buffer | number {
    const fd = this.open(path, flags, 0);
    if (fd < 0) return fd;
    try {
      return this.openFiles.readBytes(fd);
    } finally {
      this.openFiles.close(fd);
    }
  }

  stat(path: GuestPath, follow: boolean): FileStat | number {
    return this.#at(path, follow, ({ directory, path: relative }) => directory.statAt(relative, follow));
  }

  statFileSystem(path: GuestPath): FileSystemStat | number {
    return this.using(path, O_RDONLY, 0, (opened) => linuxResult(opened.statFileSystem()));
  }

  access(path: GuestPath, mode: number): number {
    return this.#at(path, true, ({ directory, path: relative }) => directory.accessAt(relative, mode));
  }

  /** A path that is made or removed: what its last name is in, for what happens there in more than one step. */
  changeAt(path: GuestPath, action: (directory: Descriptor, name: Buffer) => number): number {
    return this.#change(path, REFUSAL.removal, ({ directory, path: relative }) =>
      action(directory, relative),
    );
  }

  /** What is in a directory, sorted by the names' bytes, as libuv does. */
  readDirectory(path: GuestPath): DirectoryEntry[] | number {
    return this.#at(path, true, ({ directory, path: relative, guestPath }) => {
      const opened = directory.open({ ...requestOf(O_RDONLY | O_DIRECTORY, 0), path: relative });
      if (typeof opened === 'number') return opened;
      const found = listDirectory(opened);
      if (opened !== directory) opened.close();
      if (typeof found === 'number') return found;
      for (const name of this.#mounts.namesIn(withoutSlash(guestPath))) {
        const bytes = Buffer.from(name, 'latin1');
        if (found.some((each) => bytes.equals(each.name))) continue;
        found.push({ name: bytes, ino: 0n, filetype: FILETYPE.directory, next: 0n });
      }
      return found.sort((a, b) => Buffer.compare(a.name, b.name));
    });
  }

  readLink(path: GuestPath): Buffer | number {
    if (this.#endsInDots(path)) return this.#refuseDots(path, WASI.EINVAL);
    return this.#at(path, false, ({ directory, path: relative }) => directory.readLink(relative));
  }

  /** Without symbolic links. */
  realPath(path: GuestPath): Buffer | number {
    const absolute = this.#absolute(path);
    const direct = this.#direct(absolute);
    // Mostly there is nothing to resolve.
    if (direct?.directory.isStraight(direct.path) === true && !this.#endsInDots(path)) {
      return Buffer.from(withoutSlash(absolute), 'latin1');
    }
    const place = this.#mounts.walk(absolute, true);
    if (typeof place === 'number') return linuxResult(place);
    const stat = place.directory.statAt(place.path, false);
    return typeof stat === 'number'
      ? linuxResult(stat)
      : Buffer.from(withoutSlash(place.guestPath), 'latin1');
  }

  makeDirectory(path: GuestPath, mode: number): number {
    return this.#change(path, REFUSAL.making, ({ directory, path: relative }) =>
      directory.makeDirectory(relative, mode & PERMISSIONS),
    );
  }

  removeDirectory(path: GuestPath): number {
    return this.#change(path, REFUSAL.removal, ({ directory, path: relative }) =>
      directory.removeDirectory(relative),
    );
  }

  unlink(path: GuestPath): number {
    return this.#change(path, REFUSAL.unlinking, ({ directory, path: relative }) =>
      directory.unlink(relative),
    );
  }

  rename(from: GuestPath, to: GuestPath): number {
    for (const path of [from, to]) if (this.#endsInDots(path)) return this.#refuseDots(path, WASI.EBUSY);
    return this.#changeTwo(from, to, (source, target) =>
      this.#isMountPoint(source) || this.#isMountPoint(target)
        ? -WASI.EBUSY
        : source.directory.rename(source.path, target.directory, target.path),
    );
  }

  link(from: GuestPath, to: GuestPath): number {
    if (this.#endsInDots(from)) return this.#refuseDots(from, WASI.EPERM);
    if (this.#endsInDots(to)) return this.#refuseDots(to, WASI.EEXIST);
    return this.#changeTwo(from, to, (source, target) => {
      if (this.#isMountPoint(source)) return -WASI.EPERM;
      if (this.#isMountPoint(target)) return -WASI.EEXIST;
      return source.directory.link(source.path, target.directory, target.path);
    });
  }

  symlink(target: GuestPath, path: GuestPath): number {
    const content = Buffer.from(target as string);
    const meaning = content.toString('latin1');
    // Elsewhere than beneath a mount it would be a trap for the host's own programs.
    const mayBeAbsolute =
      meaning.startsWith('/') && !DOTS.test(meaning) && this.#mounts.locate(meaning).isSameOnHost;
    return this.#change(path, REFUSAL.making, ({ directory, path: relative }) =>
      directory.symlink(content, relative, mayBeAbsolute),
    );
  }

  setMode(path: GuestPath, mode: number): number {
    return this.#at(path, true, ({ directory, path: relative }) => directory.setModeAt(relative, mode));
  }

  /** Nobody gives files away: only who they belong to already may be named. */
  setOwner(path: GuestPath, follow: boolean, isOwn: boolean): number {
    const stat = this.stat(path, follow);
    if (typeof stat === 'number') return stat;
    return isOwn ? 0 : -toLinux(WASI.EPERM);
  }

  setTimes(path: GuestPath, follow: boolean, times: FileTimes): number {
    return this.#at(path, follow, ({ directory, path: relative }) =>
      directory.setTimesAt(relative, follow, times),
    );
  }

  /**
   * Does something with what a path stands for: as the kernel resolves it beneath its mount, and where that leads out,
   * where it leads in terms of the guest.
   */
  #at<Result>(path: GuestPath, follow: boolean, action: Action<Result>): Result | number {
    const absolute = this.#absolute(path);
    if (absolute === '') return -toLinux(WASI.ENOENT);
    const direct = this.#direct(absolute);
    if (direct !== undefined) {
      const result = action(direct);
      if (result !== -WASI.ENOTCAPABLE) return linuxResult(result);
    }
    const place = this.#mounts.walk(absolute, follow);
    return linuxResult(typeof place === 'number' ? place : action(place));
  }

  /** The same for what is made or removed. */
  #change(path: GuestPath, refusal: Refusal, action: Action<number>): number {
    this.#changes += 1;
    if (this.#endsInDots(path)) return this.#refuseDots(path, refusal.dots);
    return this.#at<number>(path, false, (place) =>
      this.#isMountPoint(place) ? -refusal.mountPoint : action(place),
    );
  }

  /** `.` and `..` are no names that could be made or removed. */
  #endsInDots(path: GuestPath): boolean {
    return LAST_DOTS.test(Buffer.from(path as string).toString('latin1'));
  }

  #refuseDots(path: GuestPath, code: number): number {
    const stat = this.stat(path, true);
    return typeof stat === 'number' ? stat : -toLinux(code);
  }

  #isMountPoint({ guestPath }: Place): boolean {
    return this.#mounts.isMountPoint(withoutSlash(guestPath));
  }

  #changeTwo(from: GuestPath, to: GuestPath, action: (source: Place, target: Place) => number): number {
    this.#changes += 1;
    const [first, second] = [this.#absolute(from), this.#absolute(to)];
    if (first === '' || second === '') return -toLinux(WASI.ENOENT);
    const [source, target] = [this.#direct(first), this.#direct(second)];
    if (source !== undefined && target !== undefined) {
      const result = action(source, target);
      if (result !== -WASI.ENOTCAPABLE) return linuxResult(result);
    }
    const [origin, goal] = [this.#mounts.walk(first, false), this.#mounts.walk(second, false)];
    if (typeof origin === 'number') return linuxResult(origin);
    return linuxResult(typeof goal === 'number' ? goal : action(origin, goal));
  }

  /** Where the kernel may resolve a path by itself; undefined where that could pass by another mount. */
  #direct(absolute: string): Place | undefined {
    if (DOTS.test(absolute)) return undefined;
    const place = this.#mounts.locate(absolute);
    return place.isPlain ? place : undefined;
  }

  /** The path's bytes from the root on; empty for an empty path. */
  #absolute(path: GuestPath): string {
    const text = Buffer.from(path as string).toString('latin1');
    if (text === '') return '';
    const absolute = text.startsWith('/') ? text : `${this.#directory}/${text}`;
    return absolute.replace(NEEDLESS, '/');
  }
}

const withoutSlash = (path: string): string =>
  path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;

/** All but the two that every directory has. */
export const listDirectory = (directory: Descriptor): DirectoryEntry[] | number => {
  const entries = directory.entries(0n);
  if (typeof entries === 'number') return entries;
  const found: DirectoryEntry[] = [];
  for (const { name, ...entry } of entries) {
    const text = Buffer.from(name);
    if (text.equals(DOT) || text.equals(DOT_DOT)) continue;
    found.push({ ...entry, name: text });
  }
  return found;
};
const DOT = Buffer.from('.');
const DOT_DOT = Buffer.from('..');

const requestOf = (flags: number, mode: number): Omit<OpenRequest, 'path'> => {
  const has = (flag: number): boolean => (flags & flag) === flag;
  const access = flags & ACCESS_MODE;
  return {
    followSymlinks: !has(O_NOFOLLOW),
    create: has(O_CREAT),
    directory: has(O_DIRECTORY),
    exclusive: has(O_EXCL),
    truncate: has(O_TRUNC),
    read: access !== O_WRONLY,
    write: access !== O_RDONLY,
    flags:
      (has(O_APPEND) ? FDFLAG.append : 0) | (has(O_SYNC) ? FDFLAG.sync : has(O_DSYNC) ? FDFLAG.dsync : 0),
    mode: mode & PERMISSIONS,
  };
};
