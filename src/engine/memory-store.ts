/**
 * In-memory file systems (`--tmpfs`, the scratch `/tmp`): @wasmer/wasi's MemFS keeps names and contents,
 * this file keeps what it gets wrong. Tried on its version 1.2.2: writing inside a file inserts instead of
 * overwriting, seeking past the end leaves no hole, all times are 0, creating a directory that exists
 * succeeds, unlinking an open file destroys it. So an open file's contents live here, as in a page cache,
 * and go back to MemFS when the last descriptor closes; MemFS only ever sees whole-tail writes.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import type { JSVirtualFile, MemFS } from '@wasmer/wasi';
import { FILETYPE, FILE_MODE } from './descriptor.ts';
import type { FileStat, FileSystemStat, FileTimes } from './descriptor.ts';
import { WASI } from './errno.ts';
import { CLOCK, readClock } from './clock.ts';

/**
 * Largest file and sum of all, in bytes. MemFS lives in a 32-bit WebAssembly memory of its own, in which
 * writing a file takes its size several times; where that is used up, it cannot go on at all.
 */
export const CAPACITY = 512 * 1024 * 1024;
/** Most files and directories. */
const MAX_NODES = 262_144;
/** As stat(2) and statfs(2) tell them. */
const BLOCK_SIZE = 4096n;
const STAT_BLOCK = 512n;
/** linux/magic.h */
const TMPFS_MAGIC = 0x0102_1994;
/** Permission bits of what is made: there is one user, and nothing to hide from it. */
const FILE_PERMISSIONS = 0o644;
const DIRECTORY_PERMISSIONS = 0o755;
/** Smallest capacity of a growing file, in bytes. */
const MIN_CAPACITY = 4096;

/** What the library has besides what its types tell. */
interface Library {
  readonly MemFS: new () => MemFS;
  initSync(module: WebAssembly.Module): void;
}

/** How the library's own WebAssembly stands in its text. */
const EMBEDDED = /"data:application\/wasm;base64,([^"]+)"/;

/** Makes an empty in-memory file system. */
export type MakeMemFS = () => MemFS;

/**
 * Reads the library, while the engine still may; it is loaded when the first guest makes something, which most do not:
 * loading takes an eighth of a bare start. The library's own `init` compiles its WebAssembly all at once and has Node
 * load `fetch` besides, which together takes twice as long as a bare start.
 */
export const readMemoryFileSystem = (): MakeMemFS => {
  // Its "module" entry is not marked as one, so Node can only require it.
  const file = createRequire(import.meta.url).resolve('@wasmer/wasi');
  const text = readFileSync(file, 'latin1');
  let FileSystem: Library['MemFS'] | undefined;
  return () => {
    FileSystem ??= loadLibrary(text, file).MemFS;
    return new FileSystem();
  };
};

const loadLibrary = (text: string, filename: string): Library => {
  const exports = {} as Library;
  compileFunction(text, ['exports'], { filename })(exports);
  const [, base64 = ''] = EMBEDDED.exec(text) ?? [];
  exports.initSync(new WebAssembly.Module(Buffer.from(base64, 'base64')));
  return exports;
};

/** What is left of a file system's capacity. */
class Space {
  free = CAPACITY;

  /** Takes `bytes` (or gives them back, where negative); false if there are not so many. */
  take(bytes: number): boolean {
    if (bytes > this.free) return false;
    this.free -= bytes;
    return true;
  }
}

/** A file or directory, whatever it is called at the moment. */
export class MemoryNode {
  /** Absolute path inside the file system, `/` for its root; follows renames. */
  path: string;
  readonly filetype: number;
  readonly ino: bigint;
  atim: bigint;
  mtim: bigint;
  ctim: bigint;
  readonly birthtim: bigint;
  /** Permission bits. They are kept and shown; all may be done whatever they say. */
  mode: number;
  /** No name leads here any more; descriptors that were open still work. */
  removed = false;
  descriptors = 0;
  /** Contents while open. */
  #bytes = Buffer.alloc(0);
  size = 0;
  /** Bytes from here on differ from what MemFS has. */
  #dirtyFrom = Infinity;
  readonly #space: Space;

  constructor(path: string, filetype: number, ino: bigint, space: Space) {
    this.#space = space;
    this.path = path;
    this.filetype = filetype;
    this.ino = ino;
    this.atim = this.mtim = this.ctim = this.birthtim = readClock(CLOCK.realtime);
    this.mode = filetype === FILETYPE.directory ? DIRECTORY_PERMISSIONS : FILE_PERMISSIONS;
  }

  load(file: JSVirtualFile): void {
    file.seek(0);
    this.#bytes = Buffer.from(file.read());
    this.size = this.#bytes.length;
    this.#dirtyFrom = Infinity;
  }

  store(file: JSVirtualFile): void {
    if (this.#dirtyFrom === Infinity) return;
    const from = Math.min(this.#dirtyFrom, Number(file.size()), this.size);
    file.setLength(BigInt(from));
    file.seek(from);
    if (this.size > from) file.write(this.#bytes.subarray(from, this.size));
    this.#dirtyFrom = Infinity;
  }

  unload(): void {
    this.#bytes = Buffer.alloc(0);
  }

  read(target: Uint8Array, offset: number): number {
    const chunk = this.#bytes.subarray(offset, Math.min(offset + target.length, this.size));
    target.set(chunk);
    return chunk.length;
  }

  write(source: Uint8Array, offset: number): number {
    const end = offset + source.length;
    const grown = end > this.size ? this.resize(end) : 0;
    if (grown < 0) return grown;
    this.#bytes.set(source, offset);
    this.#touch(offset);
    return source.length;
  }

  resize(size: number): number {
    if (size > CAPACITY) return -WASI.EFBIG;
    if (!this.#space.take(size - this.size)) return -WASI.ENOSPC;
    if (size > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(size, Math.min(2 * this.#bytes.length, CAPACITY), MIN_CAPACITY));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    // What a shrunk file grows into again must read as zeros.
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.#touch(Math.min(size, this.size));
    this.size = size;
    return 0;
  }

  setTimes({ atim, mtim }: FileTimes): void {
    const now = readClock(CLOCK.realtime);
    if (atim !== undefined) this.atim = atim === 'now' ? now : atim;
    if (mtim !== undefined) this.mtim = mtim === 'now' ? now : mtim;
    this.ctim = now;
  }

  setMode(mode: number): void {
    this.mode = mode & 0o777;
    this.ctim = readClock(CLOCK.realtime);
  }

  #touch(from: number): void {
    this.#dirtyFrom = Math.min(this.#dirtyFrom, from);
    this.mtim = this.ctim = readClock(CLOCK.realtime);
  }
}

export class MemoryStore {
  readonly #make: MakeMemFS;
  #made: MemFS | undefined;
  readonly #device: bigint;
  readonly #nodes = new Map<string, MemoryNode>();
  readonly #space = new Space();
  #nextInode = 1n;
  readonly root: MemoryNode;

  constructor(make: MakeMemFS, device: bigint) {
    this.#make = make;
    this.#device = device;
    this.root = new MemoryNode('/', FILETYPE.directory, this.#nextInode++, this.#space);
    this.#nodes.set('/', this.root);
  }

  get #fs(): MemFS {
    return (this.#made ??= this.#make());
  }

  find(path: string): MemoryNode | undefined {
    return this.#nodes.get(path);
  }

  /** Makes a file or directory whose parent exists and whose name is free; or -ENOSPC. */
  create(path: string, filetype: number): MemoryNode | number {
    if (this.#nodes.size >= MAX_NODES) return -WASI.ENOSPC;
    if (filetype === FILETYPE.directory) this.#fs.createDir(path);
    else this.#fs.open(path, { read: true, write: true, create: true }).free();
    const node = new MemoryNode(path, filetype, this.#nextInode++, this.#space);
    this.#nodes.set(path, node);
    this.#touchParent(path);
    return node;
  }

  /** One more descriptor uses the file; the first loads its contents. */
  acquire(node: MemoryNode): void {
    node.descriptors += 1;
    if (node.descriptors > 1 || node.filetype === FILETYPE.directory) return;
    this.#withFile(node, (file) => node.load(file));
  }

  /** One fewer; the last gives the contents back. */
  release(node: MemoryNode): void {
    node.descriptors -= 1;
    if (node.descriptors > 0 || node.filetype === FILETYPE.directory) return;
    this.flush(node);
    node.unload();
    this.#reclaim(node);
  }

  flush(node: MemoryNode): void {
    if (!node.removed) this.#withFile(node, (file) => node.store(file));
  }

  remove(node: MemoryNode): void {
    if (node.filetype === FILETYPE.directory) this.#fs.removeDir(node.path);
    else this.#fs.removeFile(node.path);
    this.#nodes.delete(node.path);
    node.removed = true;
    this.#touchParent(node.path);
    this.#reclaim(node);
  }

  /** Nobody can reach a file any more that has neither a name nor a descriptor. */
  #reclaim(node: MemoryNode): void {
    if (node.removed && node.descriptors === 0) this.#space.take(-node.size);
  }

  /** Moves a node to a free name; what lies beneath a directory moves along. */
  move(node: MemoryNode, to: string): void {
    const from = node.path;
    this.#fs.rename(from, to);
    for (const [path, each] of Array.from(this.#nodes)) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#nodes.delete(path);
      each.path = to + path.slice(from.length);
      this.#nodes.set(each.path, each);
    }
    this.#touchParent(from);
    this.#touchParent(to);
  }

  children(directory: MemoryNode): { name: string; node: MemoryNode }[] {
    const entries = this.#fs.readDir(directory.path) as { path: string }[];
    return entries.flatMap(({ path }) => {
      const node = this.#nodes.get(path);
      return node === undefined ? [] : [{ name: path.slice(path.lastIndexOf('/') + 1), node }];
    });
  }

  stat(node: MemoryNode): FileStat {
    return {
      dev: this.#device,
      ino: node.ino,
      filetype: node.filetype,
      nlink: node.removed ? 0n : 1n,
      size: BigInt(node.size),
      atim: node.atim,
      mtim: node.mtim,
      ctim: node.ctim,
      birthtim: node.birthtim,
      mode: (node.filetype === FILETYPE.directory ? FILE_MODE.directory : FILE_MODE.regularFile) | node.mode,
      rdev: 0n,
      blksize: BLOCK_SIZE,
      blocks: ((BigInt(node.size) + BLOCK_SIZE - 1n) / BLOCK_SIZE) * (BLOCK_SIZE / STAT_BLOCK),
    };
  }

  statFileSystem(): FileSystemStat {
    const blockSize = Number(BLOCK_SIZE);
    const freeBlocks = Math.floor(this.#space.free / blockSize);
    return {
      type: TMPFS_MAGIC,
      blockSize,
      blocks: CAPACITY / blockSize,
      freeBlocks,
      availableBlocks: freeBlocks,
      files: MAX_NODES,
      freeFiles: MAX_NODES - this.#nodes.size,
    };
  }

  #withFile(node: MemoryNode, action: (file: JSVirtualFile) => void): void {
    const file = this.#fs.open(node.path, { read: true, write: true });
    try {
      action(file);
    } finally {
      file.free();
    }
  }

  #touchParent(path: string): void {
    const parent = this.#nodes.get(path.slice(0, path.lastIndexOf('/')) || '/');
    if (parent !== undefined) parent.mtim = parent.ctim = readClock(CLOCK.realtime);
  }
}
