/** Descriptors of an in-memory file system; see memory-store.ts for what keeps the bytes. */
import { Descriptor, FDFLAG, FILETYPE, RIGHT } from './descriptor.ts';
import type { DirectoryEntry, FileStat, FileSystemStat, FileTimes, OpenRequest } from './descriptor.ts';
import { WASI } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { CAPACITY } from './memory-store.ts';
import type { MemoryNode, MemoryStore } from './memory-store.ts';

/** limits.h */
const NAME_MAX = 255;
/** umask(2), as it usually is. */
const UMASK = 0o022;
/** preview1 `$whence` */
const WHENCE = { set: 0, current: 1, end: 2 } as const;

export class MemoryFile extends Descriptor {
  override readonly filetype = FILETYPE.regularFile;
  readonly #store: MemoryStore;
  readonly #node: MemoryNode;
  readonly #access: { readonly read: boolean; readonly write: boolean };
  #position = 0;

  constructor(store: MemoryStore, node: MemoryNode, request: OpenRequest) {
    super();
    this.#store = store;
    this.#node = node;
    this.#access = request;
    this.flags = request.flags;
    if (!request.read) this.rights &= ~(RIGHT.fdRead | RIGHT.fdReaddir);
    if (!request.write) this.rights &= ~(RIGHT.fdWrite | RIGHT.fdAllocate | RIGHT.fdSetSize);
    store.acquire(node);
  }

  protected override closeHost(): number {
    this.#store.release(this.#node);
    return 0;
  }

  override read(memory: GuestMemory): number {
    const length = this.#read(memory, this.#position);
    if (length > 0) this.#position += length;
    return length;
  }

  override pread(memory: GuestMemory, offset: bigint): number {
    return offset < 0n ? -WASI.EINVAL : this.#read(memory, Number(offset));
  }

  override write(memory: GuestMemory): number {
    const offset = (this.flags & FDFLAG.append) === 0 ? this.#position : this.#node.size;
    const length = this.#write(memory, offset);
    if (length >= 0) this.#position = offset + length;
    return length;
  }

  override pwrite(memory: GuestMemory, offset: bigint): number {
    if (offset < 0n) return -WASI.EINVAL;
    // As Linux does it (pwrite(2), "Bugs").
    const isAppending = (this.flags & FDFLAG.append) !== 0;
    return this.#write(memory, isAppending ? this.#node.size : Number(offset));
  }

  override seek(offset: bigint, whence: number): bigint | number {
    if (whence > WHENCE.end) return -WASI.EINVAL;
    const base = { [WHENCE.set]: 0, [WHENCE.current]: this.#position, [WHENCE.end]: this.#node.size }[
      whence
    ]!;
    const position = base + Number(offset);
    if (position < 0) return -WASI.EINVAL;
    this.#position = position;
    return BigInt(position);
  }

  override sync(): number {
    this.#store.flush(this.#node);
    return 0;
  }

  override allocate(offset: bigint, length: bigint): number {
    if (!this.#access.write) return -WASI.EBADF;
    if (offset < 0n || length <= 0n) return -WASI.EINVAL;
    const end = Number(offset + length);
    return end > this.#node.size ? this.#node.resize(end) : 0;
  }

  override setSize(size: bigint): number {
    if (!this.#access.write || size < 0n) return -WASI.EINVAL;
    return size > CAPACITY ? -WASI.EFBIG : this.#node.resize(Number(size));
  }

  override setTimes(times: FileTimes): number {
    this.#node.setTimes(times);
    return 0;
  }

  override stat(): FileStat {
    return this.#store.stat(this.#node);
  }

  override setMode(mode: number): number {
    this.#node.setMode(mode);
    return 0;
  }

  override statFileSystem(): FileSystemStat {
    return this.#store.statFileSystem();
  }

  #read(memory: GuestMemory, offset: number): number {
    if (!this.#access.read) return -WASI.EBADF;
    let total = 0;
    for (let index = 0; index < memory.iovCount; index += 1) {
      const target = memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!);
      const length = this.#node.read(target, offset + total);
      total += length;
      if (length < target.length) break;
    }
    return total;
  }

  #write(memory: GuestMemory, offset: number): number {
    if (!this.#access.write) return -WASI.EBADF;
    let total = 0;
    for (let index = 0; index < memory.iovCount; index += 1) {
      const source = memory.slice(memory.iovPointers[index]!, memory.iovLengths[index]!);
      const length = this.#node.write(source, offset + total);
      if (length < 0) return total > 0 ? total : length;
      total += length;
    }
    return total;
  }
}

export class MemoryDirectory extends Descriptor {
  override readonly filetype = FILETYPE.directory;
  readonly #store: MemoryStore;
  readonly #node: MemoryNode;
  /** Taken when reading starts, so that removing entries while reading skips none. */
  #listing: readonly { name: string; node: MemoryNode }[] = [];

  constructor(store: MemoryStore, node: MemoryNode) {
    super();
    this.#store = store;
    this.#node = node;
  }

  override read(): number {
    return -WASI.EISDIR;
  }
  override stat(): FileStat {
    return this.#store.stat(this.#node);
  }

  override setMode(mode: number): number {
    this.#node.setMode(mode);
    return 0;
  }

  override statFileSystem(): FileSystemStat {
    return this.#store.statFileSystem();
  }

  override entries(cookie: bigint): Generator<DirectoryEntry> | number {
    return cookie < 0n ? -WASI.EINVAL : this.#list(cookie);
  }

  *#list(cookie: bigint): Generator<DirectoryEntry> {
    if (cookie === 0n) {
      const self = [
        { name: '.', node: this.#node },
        { name: '..', node: this.#node },
      ];
      this.#listing = this.#node.removed ? [] : [...self, ...this.#store.children(this.#node)];
    }
    for (let index = Number(cookie); index < this.#listing.length; index += 1) {
      const { name, node } = this.#listing[index]!;
      yield { name: Buffer.from(name), ino: node.ino, filetype: node.filetype, next: BigInt(index + 1) };
    }
  }

  override open(request: OpenRequest): Descriptor | number {
    const place = this.#resolve(request.path);
    if (typeof place === 'number') return place;
    let { node } = place;
    if (node === undefined) {
      if (!request.create) return -WASI.ENOENT;
      if (request.directory || place.wantsDirectory) return -WASI.EISDIR;
      const created = this.#store.create(place.path, FILETYPE.regularFile);
      if (typeof created === 'number') return created;
      node = created;
      if (request.mode !== undefined) node.setMode(request.mode & ~UMASK);
    } else if (request.create && request.exclusive) return -WASI.EEXIST;
    if (node.filetype === FILETYPE.directory) {
      return request.write || request.create ? -WASI.EISDIR : new MemoryDirectory(this.#store, node);
    }
    if (request.directory || place.wantsDirectory) return -WASI.ENOTDIR;
    const file = new MemoryFile(this.#store, node, request);
    if (request.truncate) node.resize(0);
    return file;
  }

  override makeDirectory(path: Buffer, mode?: number): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    if (place.node !== undefined) return -WASI.EEXIST;
    const created = this.#store.create(place.path, FILETYPE.directory);
    if (typeof created === 'number') return created;
    if (mode !== undefined) created.setMode(mode & ~UMASK);
    return 0;
  }

  override removeDirectory(path: Buffer): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    const { node } = place;
    if (node === undefined) return -WASI.ENOENT;
    if (node.filetype !== FILETYPE.directory) return -WASI.ENOTDIR;
    if (node === this.#store.root) return -WASI.EBUSY;
    if (this.#store.children(node).length > 0) return -WASI.ENOTEMPTY;
    this.#store.remove(node);
    return 0;
  }

  override unlink(path: Buffer): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    const { node } = place;
    if (node === undefined) return -WASI.ENOENT;
    if (node.filetype === FILETYPE.directory) return -WASI.EISDIR;
    if (place.wantsDirectory) return -WASI.ENOTDIR;
    this.#store.remove(node);
    return 0;
  }

  /** rename(2): replaces a file or an empty directory, never moves a directory into itself. */
  override rename(from: Buffer, directory: Descriptor, to: Buffer): number {
    if (!(directory instanceof MemoryDirectory) || directory.#store !== this.#store) return -WASI.EXDEV;
    const source = this.#resolve(from);
    if (typeof source === 'number') return source;
    const target = directory.#resolve(to);
    if (typeof target === 'number') return target;
    const { node } = source;
    if (node === undefined) return -WASI.ENOENT;
    const isDirectory = node.filetype === FILETYPE.directory;
    if (node === this.#store.root || target.path.startsWith(`${node.path}/`)) return -WASI.EINVAL;
    if (!isDirectory && (source.wantsDirectory || target.wantsDirectory)) return -WASI.ENOTDIR;
    if (node === target.node) return 0;
    if (target.node !== undefined) {
      const replacesDirectory = target.node.filetype === FILETYPE.directory;
      if (isDirectory && !replacesDirectory) return -WASI.ENOTDIR;
      if (!isDirectory && replacesDirectory) return -WASI.EISDIR;
      if (replacesDirectory && this.#store.children(target.node).length > 0) return -WASI.ENOTEMPTY;
      this.#store.remove(target.node);
    }
    this.#store.move(node, target.path);
    return 0;
  }

  // MemFS has no links of either kind; saying so beats copying in silence.
  override link(): number {
    return -WASI.ENOTSUP;
  }
  override symlink(): number {
    return -WASI.ENOTSUP;
  }
  override readLink(path: Buffer): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    return place.node === undefined ? -WASI.ENOENT : -WASI.EINVAL;
  }

  override statAt(path: Buffer): FileStat | number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    if (place.node === undefined) return -WASI.ENOENT;
    if (place.wantsDirectory && place.node.filetype !== FILETYPE.directory) return -WASI.ENOTDIR;
    return this.#store.stat(place.node);
  }

  override setTimesAt(path: Buffer, _follow: boolean, times: FileTimes): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    if (place.node === undefined) return -WASI.ENOENT;
    place.node.setTimes(times);
    return 0;
  }

  override setModeAt(path: Buffer, mode: number): number {
    const place = this.#resolve(path);
    if (typeof place === 'number') return place;
    if (place.node === undefined) return -WASI.ENOENT;
    place.node.setMode(mode);
    return 0;
  }

  override accessAt(path: Buffer): number {
    const stat = this.statAt(path);
    return typeof stat === 'number' ? stat : 0;
  }

  /** Walks a relative path; every component but the last must be a directory that exists. */
  #resolve(path: Buffer): { path: string; node: MemoryNode | undefined; wantsDirectory: boolean } | number {
    const text = path.toString('utf8');
    if (path.includes(0) || !Buffer.from(text).equals(path)) return -WASI.EILSEQ;
    if (this.#node.removed || text === '') return -WASI.ENOENT;
    if (text.startsWith('/')) return -WASI.ENOTCAPABLE;
    let node: MemoryNode | undefined = this.#node;
    let at = node.path;
    for (const name of text.split('/')) {
      if (name === '') continue;
      if (node === undefined) return -WASI.ENOENT;
      if (name === '.') continue;
      if (node.filetype !== FILETYPE.directory) return -WASI.ENOTDIR;
      if (Buffer.byteLength(name) > NAME_MAX) return -WASI.ENAMETOOLONG;
      if (name === '..') {
        if (at === this.#node.path) return -WASI.ENOTCAPABLE;
        at = at.slice(0, at.lastIndexOf('/')) || '/';
      } else at = at === '/' ? `/${name}` : `${at}/${name}`;
      node = this.#store.find(at);
    }
    return { path: at, node, wantsDirectory: /\/\.?$/.test(text) };
  }
}
