/** A place in a sandbox's log, from which it is read on. */
import { open, readFile, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { decodeEntry } from './log-entry.ts';
import type { LogEntry } from './log-entry.ts';
import { logNumbers, logPath } from './log-files.ts';

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

export class LogCursor implements AsyncDisposable {
  readonly #directory: string;
  /** Of the file it is in; 0: before the first. */
  #number = 0;
  #file: FileHandle | undefined;
  /** bytes */
  #offset = 0;
  /** A line whose end is still to come. */
  #rest = Buffer.alloc(0);

  /** At the beginning of a log, which need not exist yet. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Goes to where the last lines of the guest begin, `count` of them. A line that the guest has not ended yet is one;
   * one that came in pieces may lose the first of them if others spoke in between.
   */
  async goToLast(count: number): Promise<void> {
    const streams = new Set<string>();
    let found = 0;
    for (const number of logNumbers(this.#directory).toReversed()) {
      const data = await readFile(logPath(this.#directory, number)).catch(unlessMissing);
      // Older ones went with it.
      if (data === undefined) return;
      for (let end = data.lastIndexOf(NEWLINE); end >= 0;) {
        const begin = end === 0 ? 0 : data.lastIndexOf(NEWLINE, end - 1) + 1;
        const entry = decodeEntry(data.subarray(begin, end));
        if (entry !== undefined && (entry.text.endsWith('\n') || !streams.has(entry.stream))) {
          if (found === count) return await this.#enter(number, end + 1);
          found += 1;
        }
        if (entry !== undefined) streams.add(entry.stream);
        end = begin - 1;
      }
    }
  }

  /** All that is there by now. */
  async *entries(): AsyncGenerator<LogEntry> {
    for (;;) {
      // Before reading: a file that has a successor is at its end.
      const successor = this.#successor();
      yield* this.#readOn();
      if (successor === undefined) return;
      await this.#enter(successor, 0);
    }
  }

  /** Whether the log was taken away, so that nothing more will come. */
  async isOver(): Promise<boolean> {
    if (this.#number === 0) return false;
    const found = await stat(logPath(this.#directory, this.#number)).catch(unlessMissing);
    const held = await this.#file?.stat();
    const isGone = found === undefined || found.ino !== held?.ino;
    // In this order: a file that became obsolete has a successor.
    return isGone && this.#successor() === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  #successor(): number | undefined {
    return logNumbers(this.#directory).find((number) => number > this.#number);
  }

  async #enter(number: number, offset: number): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#number = number;
    this.#offset = offset;
    // What a killed writer did not end stays so.
    this.#rest = Buffer.alloc(0);
    // It may have become obsolete meanwhile.
    this.#file = await open(logPath(this.#directory, number)).catch(unlessMissing);
  }

  async *#readOn(): AsyncGenerator<LogEntry> {
    if (this.#file === undefined) return;
    for (;;) {
      const { buffer, bytesRead } = await this.#file.read(
        Buffer.allocUnsafe(CHUNK_BYTES),
        0,
        CHUNK_BYTES,
        this.#offset,
      );
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const data = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      let begin = 0;
      for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, begin)) {
        const entry = decodeEntry(data.subarray(begin, end));
        begin = end + 1;
        this.#rest = data.subarray(begin);
        if (entry !== undefined) yield entry;
      }
      this.#rest = data.subarray(begin);
    }
  }
}

const unlessMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
};
