/** What the app of a sandbox in this process has written lately. */
import { splitLines } from '../sandbox/log-entry.ts';
import type { LogEntry } from '../sandbox/log-entry.ts';

/** What is older is forgotten, in UTF-16 units of all texts together. */
const CAPACITY = 1024 * 1024;

export interface ReadMemoryOptions {
  /** Wait for more, until there will be none. */
  readonly follow: boolean;
  /** Ends the reading, without an error. */
  readonly signal: AbortSignal | undefined;
}

export class OutputMemory {
  readonly #entries: LogEntry[] = [];
  /** Of all entries. */
  #size = 0;
  /** How many were forgotten. */
  #forgotten = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  append(entry: LogEntry): void {
    for (const line of splitLines(entry)) {
      this.#entries.push(Object.freeze(line));
      this.#size += line.text.length;
    }
    while (this.#size > CAPACITY && this.#entries.length > 1) {
      this.#size -= this.#entries.shift()!.text.length;
      this.#forgotten += 1;
    }
    this.#wake();
  }

  /** There will be no more. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** The last lines of all, for people. */
  tail(lines: number): string {
    return this.#entries
      .slice(-lines)
      .map(({ text }) => text.trimEnd())
      .join('\n');
  }

  /** The oldest first; who reads more slowly than is written misses what was forgotten meanwhile. */
  async *read({ follow, signal }: ReadMemoryOptions): AsyncGenerator<LogEntry, void> {
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    using _ = { [Symbol.dispose]: () => signal?.removeEventListener('abort', abort) };
    signal?.addEventListener('abort', abort);
    let next = 0;
    for (;;) {
      if (signal?.aborted === true) return;
      next = Math.max(next, this.#forgotten);
      const entry = this.#entries[next - this.#forgotten];
      if (entry !== undefined) {
        next += 1;
        yield entry;
      } else if (!follow || this.#isOver) return;
      else await Promise.race([this.#changed.promise, aborted.promise]);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
