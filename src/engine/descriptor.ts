/**
 * What a guest's file descriptor can be. Each kind overrides the operations it has; the rest answer
 * with the errno Linux would give. Results: ≥ 0 a value, < 0 a negated WASI errno.
 */
import { WASI } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';

/** preview1 witx, `$filetype`. */
export const FILETYPE = {
  unknown: 0,
  blockDevice: 1,
  characterDevice: 2,
  directory: 3,
  regularFile: 4,
  socketDatagram: 5,
  socketStream: 6,
  symbolicLink: 7,
} as const;

/** preview1 witx, `$fdflags`. */
export const FDFLAG = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;

/** preview1 witx, `$rights`: those that tell how a descriptor was opened. */
export const RIGHT = {
  fdRead: 1n << 1n,
  fdWrite: 1n << 6n,
  fdAllocate: 1n << 8n,
  fdReaddir: 1n << 14n,
  fdSetSize: 1n << 22n,
  all: (1n << 30n) - 1n,
} as const;

/** sys/stat.h, S_IF*: what kind of file a mode is of. */
export const FILE_MODE = {
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  regularFile: 0o100000,
  symbolicLink: 0o120000,
  socket: 0o140000,
} as const;

/** {@link FILETYPE} by the kind of file in a mode; of a pipe there is none. */
export const FILETYPE_OF_MODE: ReadonlyMap<number, number> = new Map([
  [FILE_MODE.characterDevice, FILETYPE.characterDevice],
  [FILE_MODE.directory, FILETYPE.directory],
  [FILE_MODE.blockDevice, FILETYPE.blockDevice],
  [FILE_MODE.regularFile, FILETYPE.regularFile],
  [FILE_MODE.symbolicLink, FILETYPE.symbolicLink],
  [FILE_MODE.socket, FILETYPE.socketStream],
]);

const MODE_OF_FILETYPE: ReadonlyMap<number, number> = new Map([
  [FILETYPE.socketDatagram, FILE_MODE.socket],
  ...Array.from(FILETYPE_OF_MODE, ([mode, filetype]) => [filetype, mode] as const),
]);

/** preview1 witx, `$filestat`, and what stat(2) tells beyond that; times in nanoseconds since 1970. */
export interface FileStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly filetype: number;
  readonly nlink: bigint;
  readonly size: bigint;
  readonly atim: bigint;
  readonly mtim: bigint;
  readonly ctim: bigint;
  /** When it was made. */
  readonly birthtim: bigint;
  /** Kind of file and permission bits (inode(7)). */
  readonly mode: number;
  readonly rdev: bigint;
  /** Bytes to read or write at a time. */
  readonly blksize: bigint;
  /** Of 512 bytes each. */
  readonly blocks: bigint;
}

/** statfs(2): sizes in blocks of `blockSize` bytes. */
export interface FileSystemStat {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  /** Of those, what an ordinary user may fill. */
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

/** New times in nanoseconds, `now`, or undefined to leave one alone. */
export interface FileTimes {
  readonly atim: bigint | 'now' | undefined;
  readonly mtim: bigint | 'now' | undefined;
}

/** A name in a directory; `next` is the cookie that continues after it. */
export interface DirectoryEntry {
  readonly name: Uint8Array;
  readonly ino: bigint;
  readonly filetype: number;
  readonly next: bigint;
}

export interface OpenRequest {
  readonly path: Buffer;
  readonly followSymlinks: boolean;
  readonly create: boolean;
  readonly directory: boolean;
  readonly exclusive: boolean;
  readonly truncate: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** {@link FDFLAG} bits. */
  readonly flags: number;
  /** Permission bits of a file that is made. */
  readonly mode?: number;
}

/** Is disposed of before what {@link Descriptor.pollFds} names is closed. */
export interface DescriptorWatcher extends Disposable {
  /** They are others from now on. */
  changed(): void;
}
/** As pipes and sockets have them. */
const STREAM_PERMISSIONS = 0o600;
const STREAM_BLOCK = 4096n;

/** In characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** Commands of fcntl(2) for locks of records, and the size of their struct flock in bytes: Linux on 64 bits. */
export const RECORD_LOCK = { get: 5, set: 6, size: 32 } as const;
/** F_UNLCK (fcntl.h) */
const UNLOCKED = 2;

const NONE: readonly number[] = [];

export abstract class Descriptor {
  abstract readonly filetype: number;
  /** {@link FDFLAG} bits the guest sees and sets. */
  flags = 0;
  rights: bigint = RIGHT.all;
  /** Guest path of a preopened directory. */
  preopenPath: string | undefined;
  /** Who waits for it beyond a single call. */
  watcher: DescriptorWatcher | undefined;

  get nonBlocking(): boolean {
    return (this.flags & FDFLAG.nonblock) !== 0;
  }

  /** May others than this guest have the file open? */
  get hasOthers(): boolean {
    return false;
  }

  /** Of a terminal; undefined for all else. */
  windowSize(): WindowSize | undefined {
    return undefined;
  }

  /** Host descriptors to poll for this one; empty means always ready, as what has nothing of the host is. */
  pollFds(): readonly number[] {
    return NONE;
  }

  /** The guest has no such descriptor any more. */
  close(): number {
    this.watcher?.[Symbol.dispose]();
    return this.closeHost();
  }

  /** Gives everything of the host back. */
  protected closeHost(): number {
    return 0;
  }

  setFlags(flags: number): number {
    this.flags = flags;
    return 0;
  }

  // Streams and files; buffers are the iovecs loaded into `memory`.
  read(_memory: GuestMemory): number {
    return -WASI.EBADF;
  }
  write(_memory: GuestMemory): number {
    return -WASI.EBADF;
  }
  pread(_memory: GuestMemory, _offset: bigint): number {
    return -WASI.ESPIPE;
  }
  pwrite(_memory: GuestMemory, _offset: bigint): number {
    return -WASI.ESPIPE;
  }
  /** Throws nothing; a bigint is the new offset, a number a negated errno. */
  seek(_offset: bigint, _whence: number): bigint | number {
    return -WASI.ESPIPE;
  }
  /** Brings all that is in its file system to disk (syncfs(2)); there is nothing to be done where none has one. */
  syncFileSystem(): number {
    return 0;
  }
  sync(_dataOnly: boolean): number {
    return -WASI.EINVAL;
  }
  allocate(_offset: bigint, _length: bigint): number {
    return -WASI.ENODEV;
  }
  /**
   * Asks for a lock of a record, or whether there is one (fcntl(2), {@link RECORD_LOCK}). Where nobody else can have the
   * file there is none in the way.
   * @param lock - struct flock, changed by the question
   */
  lockRecord(command: number, lock: Uint8Array): number {
    if (command === RECORD_LOCK.get) new DataView(lock.buffer, lock.byteOffset).setInt16(0, UNLOCKED, true);
    return 0;
  }
  setSize(_size: bigint): number {
    return -WASI.EINVAL;
  }
  setTimes(_times: FileTimes): number {
    return -WASI.EINVAL;
  }
  stat(): FileStat | number {
    const { filetype } = this;
    // What is neither of these is a pipe.
    const mode = (MODE_OF_FILETYPE.get(filetype) ?? FILE_MODE.fifo) | STREAM_PERMISSIONS;
    const times = { atim: 0n, mtim: 0n, ctim: 0n, birthtim: 0n };
    const room = { size: 0n, rdev: 0n, blksize: STREAM_BLOCK, blocks: 0n };
    return { dev: 0n, ino: 0n, filetype, nlink: 1n, ...room, ...times, mode };
  }
  setMode(_mode: number): number {
    return -WASI.EINVAL;
  }
  statFileSystem(): FileSystemStat | number {
    return -WASI.ENOSYS;
  }

  // Directories. Paths are relative, as the guest's bytes.
  entries(_cookie: bigint): Iterable<DirectoryEntry> | number {
    return -WASI.ENOTDIR;
  }
  open(_request: OpenRequest): Descriptor | number {
    return -WASI.ENOTDIR;
  }
  makeDirectory(_path: Buffer, _mode?: number): number {
    return -WASI.ENOTDIR;
  }
  removeDirectory(_path: Buffer): number {
    return -WASI.ENOTDIR;
  }
  unlink(_path: Buffer): number {
    return -WASI.ENOTDIR;
  }
  rename(_from: Buffer, _directory: Descriptor, _to: Buffer): number {
    return -WASI.ENOTDIR;
  }
  link(_from: Buffer, _directory: Descriptor, _to: Buffer): number {
    return -WASI.ENOTDIR;
  }
  /** @param _mayBeAbsolute - the target means the same for the guest and the host's own programs */
  symlink(_target: Buffer, _path: Buffer, _mayBeAbsolute?: boolean): number {
    return -WASI.ENOTDIR;
  }
  readLink(_path: Buffer): Buffer | number {
    return -WASI.ENOTDIR;
  }
  statAt(_path: Buffer, _followSymlinks: boolean): FileStat | number {
    return -WASI.ENOTDIR;
  }
  setTimesAt(_path: Buffer, _followSymlinks: boolean, _times: FileTimes): number {
    return -WASI.ENOTDIR;
  }
  /** Whether something is there and no symbolic link on the way to it; a false no costs time only. */
  isStraight(_path: Buffer): boolean {
    return false;
  }
  setModeAt(_path: Buffer, _mode: number): number {
    return -WASI.ENOTDIR;
  }
  /** access(2), with what the guest may do here: bits 4 to read, 2 to write, 1 to execute, or 0. */
  accessAt(_path: Buffer, _mode: number): number {
    return -WASI.ENOTDIR;
  }
}
