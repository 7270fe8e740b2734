/** Writes a sandbox's log. There must be one writer at a time: the sandbox's supervisor. */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { encodeEntry, splitLines } from './log-entry.ts';
import type { LogEntry } from './log-entry.ts';
import { logNumbers, logPath } from './log-files.ts';

export interface LogLimits {
  /** A file that would be longer than this many bytes is followed by another one. */
  readonly fileBytes: number;
  /** So many files are kept. */
  readonly files: number;
}

const DEFAULT_LIMITS: LogLimits = { fileBytes: 10 * 1024 * 1024, files: 3 };

interface OpenFile {
  readonly fd: number;
  readonly number: number;
  /** bytes */
  size: number;
}

const NEWLINE = 0x0a;

/**
 * What was appended has been written by a system call when {@link LogWriter.append} returns: it survives the end of this
 * process, whatever ends it, and a guest that says more than the disk takes is slowed down by its own pipe. A package
 * that writes from a queue would lose the queue.
 */
export class LogWriter implements Disposable {
  readonly #directory: string;
  readonly #limits: LogLimits;
  #file: OpenFile | undefined;
  /** What could not be written since the last line that could. */
  #lost: { readonly lines: number; readonly reason: string } | undefined;

  constructor(directory: string, limits: LogLimits = DEFAULT_LIMITS) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /**
   * Never throws: a full disk must not end the sandbox. What is lost is told in the log as soon as that takes anything
   * again.
   */
  append(entry: LogEntry): void {
    const lines = splitLines(entry).map(encodeEntry);
    let done = 0;
    try {
      while (this.#lost !== undefined && lines.length > 0)
        if (this.#writeSome([lossNotice(entry.time, this.#lost)]) === 1) this.#lost = undefined;
      while (done < lines.length) done += this.#writeSome(lines.slice(done));
    } catch (error) {
      this[Symbol.dispose]();
      const lost = (this.#lost?.lines ?? 0) + lines.length - done;
      this.#lost = { lines: lost, reason: (error as Error).message };
    }
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  /** Writes as many of the lines as fit into a file, and returns how many that were. */
  #writeSome(lines: readonly Buffer[]): number {
    const file = this.#fileFor(lines[0]!.length);
    const room = Math.max(this.#limits.fileBytes - file.size, lines[0]!.length);
    const batch = Buffer.concat(lines.slice(0, countWithin(lines, room)));
    const written = writeSync(file.fd, batch);
    file.size += written;
    // The disk is full. Opened anew, the file first gets a newline.
    if (written < batch.length) this[Symbol.dispose]();
    // And that is all that the last line may lack.
    return countWithin(lines, written + 1);
  }

  #fileFor(length: number): OpenFile {
    this.#file ??= this.#open(logNumbers(this.#directory).at(-1) ?? 1);
    const { size, number } = this.#file;
    if (size === 0 || size + length <= this.#limits.fileBytes) return this.#file;
    this[Symbol.dispose]();
    this.#file = this.#open(number + 1);
    const obsolete = logNumbers(this.#directory).filter((other) => other <= number + 1 - this.#limits.files);
    for (const other of obsolete) rmSync(logPath(this.#directory, other), { force: true });
    return this.#file;
  }

  #open(number: number): OpenFile {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const fd = openSync(logPath(this.#directory, number), 'a+', 0o600);
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1, NEWLINE);
    if (size > 0) readSync(fd, last, 0, 1, size - 1);
    const file = { fd, number, size };
    // A killed writer may have left an unfinished line.
    if (last[0] !== NEWLINE) file.size += writeSync(fd, Buffer.of(NEWLINE));
    return file;
  }
}

const lossNotice = (time: number, { lines, reason }: { lines: number; reason: string }): Buffer =>
  encodeEntry({ time, stream: 'wasmrun', text: `${lines} lines could not be written here: ${reason}\n` });

/** How many of the lines lie wholly within so many bytes. */
const countWithin = (lines: readonly Buffer[], bytes: number): number => {
  let count = 0;
  for (let end = 0; count < lines.length; count++) {
    end += lines[count]!.length;
    if (end > bytes) break;
  }
  return count;
};
