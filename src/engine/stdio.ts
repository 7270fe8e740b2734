/** The guest's stdin, stdout and stderr: descriptors 0–2 of the engine, written through at once. */
import { fstatSync } from 'node:fs';
import { libc } from '../os/libc.ts';
import { Descriptor, FILETYPE, RIGHT } from './descriptor.ts';
import type { WindowSize } from './descriptor.ts';
import { WASI, failure } from './errno.ts';
import type { GuestMemory } from './guest-memory.ts';
import { write } from './libc.ts';
import { POLLIN, POLLOUT } from './poll-events.ts';
import type { Poller } from './poll.ts';
import { readInto, writeFrom } from './transfer.ts';

const ioctl: (fd: number, request: number, result: Uint16Array) => number = libc.func(
  'int ioctl(int, unsigned long, void *)',
);
/** TIOCGWINSZ(2const): rows, columns, and two of no meaning. */
const TIOCGWINSZ = 0x5413;
const WINSIZE_LENGTH = 4;

/** limits.h: a pipe that is ready for writing takes this many bytes without blocking (pipe(7)). */
const PIPE_BUF = 4096;

export class StandardStream extends Descriptor {
  override readonly filetype: number;
  readonly #hostFds: readonly [number];
  readonly #poller: Poller;

  constructor(fd: 0 | 1 | 2, poller: Poller) {
    super();
    this.#hostFds = [fd];
    this.#poller = poller;
    this.filetype = filetypeOf(fd);
    // isatty() in wasi-libc is "a character device that cannot seek or tell".
    this.rights = fd === 0 ? RIGHT.fdRead : RIGHT.fdWrite;
  }

  override windowSize(): WindowSize | undefined {
    const size = new Uint16Array(WINSIZE_LENGTH);
    if (ioctl(this.#hostFds[0], TIOCGWINSZ, size) < 0) return undefined;
    return { rows: size[0]!, columns: size[1]! };
  }

  override pollFds(): readonly number[] {
    return this.#hostFds;
  }

  protected override closeHost(): number {
    // The engine keeps its own: a trap must still reach stderr.
    return 0;
  }

  override read(memory: GuestMemory): number {
    const [fd] = this.#hostFds;
    // A terminal or a socket would let itself be read here too.
    if (fd !== 0) return -WASI.EBADF;
    if (memory.iovTotal === 0) return 0;
    for (;;) {
      // The host descriptor may be shared and blocking: ask first, so that a stop is heard.
      if (!this.nonBlocking) this.#poller.wait(this.#hostFds, POLLIN);
      else if (!this.#poller.isReady(this.#hostFds, POLLIN)) return -WASI.EAGAIN;
      const length = readInto(fd, memory);
      if (length >= 0) return length;
      if (!this.#poller.shouldRetry(this.#hostFds, POLLIN, false)) return failure();
    }
  }

  override write(memory: GuestMemory): number {
    const [fd] = this.#hostFds;
    if (fd === 0) return -WASI.EBADF;
    if (this.nonBlocking) return this.#writeWithoutBlocking(memory);
    for (;;) {
      const length = writeFrom(fd, memory);
      if (length >= 0) return length;
      // The host descriptor may happen not to block.
      if (!this.#poller.shouldRetry(this.#hostFds, POLLOUT, false)) return failure();
    }
  }

  /** As much as is sure not to block, because the host descriptor itself may. */
  #writeWithoutBlocking(memory: GuestMemory): number {
    if (memory.iovTotal === 0) return 0;
    if (!this.#poller.isReady(this.#hostFds, POLLOUT)) return -WASI.EAGAIN;
    const [fd] = this.#hostFds;
    const length = write(fd, memory.base + memory.iovPointers[0]!, Math.min(memory.iovLengths[0]!, PIPE_BUF));
    return length < 0 ? failure() : length;
  }
}

const filetypeOf = (fd: number): number => {
  const stat = fstatSync(fd, { throwIfNoEntry: false });
  if (stat?.isCharacterDevice()) return FILETYPE.characterDevice;
  if (stat?.isFile()) return FILETYPE.regularFile;
  if (stat?.isSocket()) return FILETYPE.socketStream;
  return FILETYPE.unknown;
};
