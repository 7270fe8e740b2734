/** Files of the host beneath a preopened directory. */
import { libc } from '../os/libc.ts';
import { Descriptor, FDFLAG, FILETYPE, RIGHT } from './descriptor.ts';
import type { FileStat, FileSystemStat, FileTimes } from './descriptor.ts';
import { WASI, failure, toWasi } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { setHostMode, setHostTimes, statHostFd, statHostFileSystem, syncHost } from './host-attributes.ts';
import { close, lseek } from './libc.ts';
import { POLLIN, POLLOUT } from './poll-events.ts';
import type { Poller } from './poll.ts';
import { readAt, readInto, writeAt, writeFrom } from './transfer.ts';

const ftruncate: (fd: number, size: bigint) => number = libc.func('int ftruncate(int, int64_t)');
const posixFallocate: (fd: number, offset: bigint, length: bigint) => number = libc.func(
  'int posix_fallocate(int, int64_t, int64_t)',
);
const fcntl: (fd: number, command: number, argument: number) => number =
  libc.func('int fcntl(int, int, int)');
/** The same with the address of a struct. */
const fcntlRecord: (fd: number, command: number, lock: Uint8Array) => number = libc.func(
  'int fcntl(int, int, void *)',
);

/** fcntl.h: F_SETFL and the flags it can change that preview1 has. */
const F_SETFL = 4;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
/** lseek(2) and preview1 `$whence` agree: set 0, current 1, end 2. */
const SEEK_END = 2;

export interface HostFileOptions {
  readonly filetype: number;
  readonly flags: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Opened beneath a directory in which nothing may be changed. */
  readonly readOnly: boolean;
}

export class HostFile extends Descriptor {
  override readonly filetype: number;
  readonly #hostFd: number;
  readonly #poller: Poller;
  readonly #readOnly: boolean;

  constructor(hostFd: number, poller: Poller, options: HostFileOptions) {
    super();
    this.#hostFd = hostFd;
    this.#poller = poller;
    this.#readOnly = options.readOnly;
    this.filetype = options.filetype;
    this.flags = options.flags;
    // wasi-libc's fcntl(F_GETFL) reads the access mode from the rights.
    if (!options.readable) this.rights &= ~(RIGHT.fdRead | RIGHT.fdReaddir);
    if (!options.writable) this.rights &= ~(RIGHT.fdWrite | RIGHT.fdAllocate | RIGHT.fdSetSize);
  }

  override pollFds(): readonly number[] {
    // Regular files are always ready (poll(2)); devices and pipes are asked.
    return this.filetype === FILETYPE.regularFile ? [] : [this.#hostFd];
  }

  protected override closeHost(): number {
    return close(this.#hostFd) < 0 ? failure() : 0;
  }

  override setFlags(flags: number): number {
    const append = (flags & FDFLAG.append) === 0 ? 0 : O_APPEND;
    if (fcntl(this.#hostFd, F_SETFL, append | O_NONBLOCK) < 0) return failure();
    this.flags = flags;
    return 0;
  }

  override read(memory: GuestMemory): number {
    for (;;) {
      const length = readInto(this.#hostFd, memory);
      if (length >= 0) return length;
      if (!this.#poller.shouldRetry([this.#hostFd], POLLIN, this.nonBlocking)) return failure();
    }
  }

  override write(memory: GuestMemory): number {
    for (;;) {
      const length = writeFrom(this.#hostFd, memory);
      if (length >= 0) return length;
      if (!this.#poller.shouldRetry([this.#hostFd], POLLOUT, this.nonBlocking)) return failure();
    }
  }

  override pread(memory: GuestMemory, offset: bigint): number {
    const length = readAt(this.#hostFd, memory, offset);
    return length < 0 ? failure() : length;
  }

  override pwrite(memory: GuestMemory, offset: bigint): number {
    const length = writeAt(this.#hostFd, memory, offset);
    return length < 0 ? failure() : length;
  }

  override seek(offset: bigint, whence: number): bigint | number {
    if (whence > SEEK_END) return -WASI.EINVAL;
    const position = BigInt(lseek(this.#hostFd, offset, whence));
    return position < 0n ? failure() : position;
  }

  override sync(dataOnly: boolean): number {
    return syncHost(this.#hostFd, dataOnly);
  }

  override allocate(offset: bigint, length: bigint): number {
    // posix_fallocate(3) returns the errno instead of setting it.
    const code = posixFallocate(this.#hostFd, offset, length);
    return code === 0 ? 0 : -toWasi(code);
  }

  override get hasOthers(): boolean {
    return true;
  }

  override lockRecord(command: number, lock: Uint8Array): number {
    return fcntlRecord(this.#hostFd, command, lock) < 0 ? failure() : 0;
  }

  override setSize(size: bigint): number {
    return ftruncate(this.#hostFd, size) < 0 ? failure() : 0;
  }

  override setTimes(times: FileTimes): number {
    // Unlike writing, this takes no descriptor that is open for writing.
    if (this.#readOnly) return -WASI.EROFS;
    return setHostTimes(this.#hostFd, times);
  }

  override stat(): FileStat {
    return statHostFd(this.#hostFd);
  }

  override setMode(mode: number): number {
    return this.#readOnly ? -WASI.EROFS : setHostMode(this.#hostFd, mode);
  }

  override statFileSystem(): FileSystemStat | number {
    return statHostFileSystem(this.#hostFd);
  }
}
