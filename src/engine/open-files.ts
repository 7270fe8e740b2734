/** What a guest has open, by number, as a program on Linux has it. Results are values, or negated errno numbers of Linux. */
import type { Descriptor, FileStat, FileTimes } from './descriptor.ts';
import { WASI, toLinux } from './errno.ts';
import type { FdTable } from './fd-table.ts';
import { GuestMemory } from './guest-memory.ts';

/** As many bytes at a time go through the engine's own memory. */
const CHUNK_SIZE = 256 * 1024;

/** What a descriptor answers, in Linux's numbers. */
export const linuxResult = <Result>(result: Result | number): Result | number =>
  typeof result === 'number' && result < 0 ? -toLinux(-result) : result;

export class OpenFiles {
  readonly #fds: FdTable;
  /** What contents go through that the engine itself looks at. */
  readonly #chunk = new GuestMemory();

  /** @param fds - the standard streams are in it */
  constructor(fds: FdTable) {
    this.#fds = fds;
    this.#chunk.attach(new Uint8Array(CHUNK_SIZE));
  }

  /** The number it gets. */
  add(file: Descriptor): number {
    return linuxResult(this.#fds.add(file));
  }

  close(fd: number): number {
    return linuxResult(this.#fds.close(fd));
  }

  /**
   * Reads into the guest's own memory.
   * @param position - undefined: where the descriptor stands
   */
  read(fd: number, memory: GuestMemory, position: number | undefined): number {
    return this.#on(fd, (file) =>
      position === undefined ? file.read(memory) : file.pread(memory, BigInt(position)),
    );
  }

  write(fd: number, memory: GuestMemory, position: number | undefined): number {
    return this.#on(fd, (file) =>
      position === undefined ? file.write(memory) : file.pwrite(memory, BigInt(position)),
    );
  }

  /** Writes bytes of the engine; fewer than all where no more fit. */
  writeBytes(fd: number, bytes: Uint8Array, position: number | undefined): number {
    let written = 0;
    while (written < bytes.length) {
      const chunk = bytes.subarray(written, written + CHUNK_SIZE);
      this.#chunk.bytes.set(chunk);
      this.#chunk.useView(this.#chunk.bytes.subarray(0, chunk.length));
      const length = this.write(fd, this.#chunk, position === undefined ? undefined : position + written);
      if (length < 0) return written > 0 ? written : length;
      written += length;
      if (length < chunk.length) break;
    }
    return written;
  }

  /** All that is left to read. */
  readBytes(fd: number): Buffer | number {
    const parts: Buffer[] = [];
    for (;;) {
      this.#chunk.useView(this.#chunk.bytes);
      const length = this.read(fd, this.#chunk, undefined);
      if (length < 0) return length;
      if (length === 0) return Buffer.concat(parts);
      parts.push(Buffer.from(this.#chunk.bytes.subarray(0, length)));
    }
  }

  sync(fd: number, dataOnly: boolean): number {
    return this.#on(fd, (file) => file.sync(dataOnly));
  }

  truncate(fd: number, size: number): number {
    return this.#on(fd, (file) => file.setSize(BigInt(size)));
  }

  stat(fd: number): FileStat | number {
    return this.#on(fd, (file) => file.stat());
  }

  setMode(fd: number, mode: number): number {
    return this.#on(fd, (file) => file.setMode(mode));
  }

  setOwner(fd: number, isOwn: boolean): number {
    const stat = this.stat(fd);
    if (typeof stat === 'number') return stat;
    return isOwn ? 0 : -toLinux(WASI.EPERM);
  }

  setTimes(fd: number, times: FileTimes): number {
    return this.#on(fd, (file) => file.setTimes(times));
  }

  #on<Result>(fd: number, action: (file: Descriptor) => Result | number): Result | number {
    const file = this.#fds.get(fd);
    return file === undefined ? -toLinux(WASI.EBADF) : linuxResult(action(file));
  }
}
