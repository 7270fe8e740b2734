/**
 * What a guest's absolute path stands for: a place beneath one of the mounted directories, or one of the directories
 * that lead to them and of which nothing else exists. Paths are strings of one character a byte (latin1).
 */
import { Descriptor, FILETYPE } from './descriptor.ts';
import type { DirectoryEntry, OpenRequest } from './descriptor.ts';
import { WASI } from './errno.ts';

/** A directory the guest finds at an absolute path without a slash at its end; `/` for all there is. */
export interface GuestMount {
  readonly path: string;
  readonly directory: Descriptor;
  /** Paths beneath mean the same to the host's own programs, so that links to them may be made. */
  readonly isSameOnHost: boolean;
}

/** Somewhere beneath a mount; `path` is relative to `directory`. */
export interface Place {
  readonly directory: Descriptor;
  readonly path: Buffer;
  readonly guestPath: string;
}

interface Point {
  readonly directory: Descriptor;
  readonly isSameOnHost: boolean;
  /** Nothing is mounted beneath, so that the kernel can follow its symbolic links. */
  isPlain: boolean;
}

/** path_resolution(7): Linux follows as many. */
const MAX_LINKS = 40;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const childOf = (path: string, name: string): string => (path === '/' ? `/${name}` : `${path}/${name}`);

export class MountTable {
  readonly #points = new Map<string, Point>();

  constructor(mounts: readonly GuestMount[]) {
    for (const { path, directory, isSameOnHost } of mounts) {
      this.#points.set(path, { directory, isSameOnHost, isPlain: true });
    }
    for (const { path } of mounts) this.#addWay(path);
    for (const path of this.#points.keys()) {
      if (path === '/') continue;
      const outer = this.#outerOf(path);
      if (outer !== undefined) outer.isPlain = false;
    }
  }

  /** The mount with the longest path that matches, and the path beneath it. */
  locate(path: string): Place & { readonly isPlain: boolean; readonly isSameOnHost: boolean } {
    let end = path.length;
    for (;;) {
      const point = this.#points.get(path.slice(0, end) || '/');
      if (point !== undefined) {
        const { directory, isPlain, isSameOnHost } = point;
        const rest = path.slice(end + 1);
        return {
          directory,
          path: Buffer.from(rest || '.', 'latin1'),
          guestPath: path,
          isPlain,
          isSameOnHost,
        };
      }
      end = path.lastIndexOf('/', end - 1);
    }
  }

  isMountPoint(path: string): boolean {
    return this.#points.has(path);
  }

  /** Names in a directory that mounts have put there. */
  namesIn(path: string): string[] {
    return [...this.#points.keys()].filter((each) => each !== '/' && parentOf(each) === path).map(nameOf);
  }

  /**
   * Where a path leads, through symbolic links as the guest sees them. Whatever is done there is resolved again by the
   * kernel beneath the mount: a link that is put in the way meanwhile leads nowhere else.
   * @param path - absolute
   * @param follow - a symbolic link at the very end is followed too
   * @returns the place, whether or not something is there yet, or a negated errno
   */
  walk(path: string, follow: boolean): Place | number {
    const pending = path.split('/').toReversed();
    let wantsDirectory = path.endsWith('/') || path.endsWith('/.');
    let at = '/';
    let links = 0;
    while (pending.length > 0) {
      const name = pending.pop()!;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (!this.#isDirectory(at)) return -WASI.ENOTDIR;
        at = parentOf(at);
        continue;
      }
      const next = childOf(at, name);
      const isLast = pending.every((each) => each === '' || each === '.');
      const target = this.#readLink(next);
      if (typeof target === 'number') {
        const mayBeMissing = target === -WASI.ENOENT && isLast;
        if (target !== -WASI.EINVAL && !mayBeMissing) return target;
        at = next;
      } else if (isLast && !follow && !wantsDirectory) {
        at = next;
      } else {
        links += 1;
        if (links > MAX_LINKS) return -WASI.ELOOP;
        if (target === '') return -WASI.ENOENT;
        if (isLast && target.endsWith('/')) wantsDirectory = true;
        if (target.startsWith('/')) at = '/';
        pending.push(...target.split('/').toReversed());
      }
    }
    return this.locate(wantsDirectory && at !== '/' ? `${at}/` : at);
  }

  /** What a symbolic link says, or -EINVAL for what is none. */
  #readLink(path: string): string | number {
    if (this.#points.has(path)) return -WASI.EINVAL;
    const { directory, path: relative } = this.locate(path);
    const target = directory.readLink(relative);
    return typeof target === 'number' ? target : target.toString('latin1');
  }

  #isDirectory(path: string): boolean {
    if (this.#points.has(path)) return true;
    const { directory, path: relative } = this.locate(path);
    const stat = directory.statAt(relative, false);
    return typeof stat !== 'number' && stat.filetype === FILETYPE.directory;
  }

  /** The mount a path lies in, other than one at the path itself. */
  #outerOf(path: string): Point | undefined {
    for (let at = parentOf(path); ; at = parentOf(at)) {
      const point = this.#points.get(at);
      if (point !== undefined && !(point.directory instanceof WayDirectory)) return point;
      if (at === '/') return undefined;
    }
  }

  /** Directories above a mount that another mount does not have. */
  #addWay(path: string): void {
    if (path === '/') return;
    for (let at = parentOf(path); !this.#points.has(at); at = parentOf(at)) {
      if (this.#outerOf(at) !== undefined && this.#isDirectory(at)) return;
      const directory = new WayDirectory(() => this.namesIn(at));
      this.#points.set(at, { directory, isSameOnHost: false, isPlain: true });
      if (at === '/') return;
    }
  }
}

/** inode(7): a directory everybody may look at and nobody may change. */
const WAY_MODE = 0o40555;

/** A directory that exists only because something beneath it is mounted. */
class WayDirectory extends Descriptor {
  override readonly filetype = FILETYPE.directory;
  readonly #names: () => readonly string[];

  constructor(names: () => readonly string[]) {
    super();
    this.#names = names;
  }

  override read(): number {
    return -WASI.EISDIR;
  }
  override stat(): Exclude<ReturnType<Descriptor['stat']>, number> {
    const stat = super.stat() as Exclude<ReturnType<Descriptor['stat']>, number>;
    return { ...stat, mode: WAY_MODE, nlink: 2n };
  }
  override entries(): Iterable<DirectoryEntry> {
    const filetype = FILETYPE.directory;
    return this.#names().map((name) => ({ name: Buffer.from(name, 'latin1'), ino: 0n, filetype, next: 0n }));
  }
  override open({ path, create, write }: OpenRequest): Descriptor | number {
    if (isSelf(path)) return write || create ? -WASI.EISDIR : this;
    return create ? -WASI.EROFS : -WASI.ENOENT;
  }
  override statAt(path: Buffer): ReturnType<Descriptor['stat']> {
    return isSelf(path) ? this.stat() : -WASI.ENOENT;
  }
  override readLink(path: Buffer): number {
    return isSelf(path) ? -WASI.EINVAL : -WASI.ENOENT;
  }
  override accessAt(path: Buffer, mode: number): number {
    if (!isSelf(path)) return -WASI.ENOENT;
    return (mode & 2) === 0 ? 0 : -WASI.EROFS;
  }
  override makeDirectory(): number {
    return -WASI.EROFS;
  }
  override symlink(): number {
    return -WASI.EROFS;
  }
  override link(path: Buffer): number {
    return isSelf(path) ? -WASI.EROFS : -WASI.ENOENT;
  }
  override rename(path: Buffer): number {
    return this.link(path);
  }
  override unlink(path: Buffer): number {
    return this.link(path);
  }
  override removeDirectory(path: Buffer): number {
    return this.link(path);
  }
  override setModeAt(path: Buffer): number {
    return this.link(path);
  }
  override setTimesAt(path: Buffer): number {
    return this.link(path);
  }
}

const isSelf = (path: Buffer): boolean => path.equals(SELF);
const SELF = Buffer.from('.');
