/** Reads a sandbox's log, also while it is being written: each entry once and in order, over all of its files. */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { LogCursor } from './log-cursor.ts';
import type { LogEntry } from './log-entry.ts';

/** Events may be missing: of network file systems, or when there are too many watches (inotify(7)). In ms. */
const POLL_MS = 500;

export interface ReadLogOptions {
  /** Only entries of this time, in ms since the epoch, and later ones. */
  readonly since?: number | undefined;
  /** Of what is there already only the last so many lines. */
  readonly tail?: number | undefined;
  /** Wait for more, until the log is removed or `signal` says so. */
  readonly follow?: boolean | undefined;
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Entries of a log, the oldest first; none of one that does not exist. Who reads more slowly than is written misses
 * what was removed meanwhile, as only the last files are kept.
 * @param directory - see `logDirectory`
 */
export async function* readLog(
  directory: string,
  { since = 0, tail, follow = false, signal }: ReadLogOptions = {},
): AsyncGenerator<LogEntry, void> {
  await using cursor = new LogCursor(directory);
  if (tail !== undefined) await cursor.goToLast(tail);
  // From before the first look, so that nothing happens unnoticed between the two.
  using changes = follow ? new LogChanges(directory, signal) : undefined;
  for (;;) {
    for await (const entry of cursor.entries()) {
      if (signal?.aborted === true) return;
      if (entry.time >= since) yield entry;
    }
    if (changes === undefined || (await cursor.isOver()) || !(await changes.next())) return;
  }
}

/** Tells when to look again. */
class LogChanges implements Disposable {
  readonly #directory: string;
  readonly #signal: AbortSignal | undefined;
  #watcher: FSWatcher | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(directory: string, signal: AbortSignal | undefined) {
    this.#directory = directory;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#wake);
    this.#watch();
  }

  /** Resolves when something may have changed since the last time; to false when there is to be an end. */
  async next(): Promise<boolean> {
    this.#watch();
    if (this.#signal?.aborted !== true) {
      const timer = setTimeout(this.#wake, POLL_MS);
      await this.#changed.promise;
      clearTimeout(timer);
    }
    this.#changed = Promise.withResolvers();
    return this.#signal?.aborted !== true;
  }

  [Symbol.dispose](): void {
    this.#signal?.removeEventListener('abort', this.#wake);
    this.#watcher?.close();
  }

  readonly #wake = (): void => this.#changed.resolve();

  /** The directory may not be there yet. */
  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.#directory, this.#wake).on('error', this.#wake);
    } catch {
      // Then it is looked at again and again.
    }
  }
}
