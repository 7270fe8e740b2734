/** What a detached sandbox has said, and says until it stops. */
import { WasmrunError } from './errors.ts';
import type { LogEntry } from './sandbox/log-entry.ts';
import { logDirectory } from './sandbox/log-files.ts';
import { readLog } from './sandbox/log-reader.ts';
import type { ReadLogOptions } from './sandbox/log-reader.ts';
import type { Sandboxes } from './sandboxes.ts';

/** How often it is asked whether the sandbox still runs, in ms, and how long its last words may take after that. */
const POLL_MS = 500;

/**
 * Entries of its log, the oldest first; followed until the sandbox has stopped.
 * @throws {WasmrunError} SANDBOX_NOT_FOUND; also of a sandbox that is not detached
 */
export async function* readDetachedLog(
  sandboxes: Sandboxes,
  nameOrId: string,
  options: ReadLogOptions,
): AsyncGenerator<LogEntry, void> {
  const { name, stored } = await sandboxes.find(nameOrId);
  if (stored === undefined) {
    throw new WasmrunError(
      'SANDBOX_NOT_FOUND',
      `${name} is not detached: what it says is where it was started`,
      { hint: 'start it with --detach' },
    );
  }
  using end = options.follow === true ? new EndOfSandbox(sandboxes, name) : undefined;
  const signals = [options.signal, end?.signal].filter((signal) => signal !== undefined);
  yield* readLog(logDirectory(sandboxes.prefix, name), { ...options, signal: AbortSignal.any(signals) });
}

/** Its signal says when the sandbox has stopped. */
class EndOfSandbox implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(sandboxes: Sandboxes, name: string) {
    let isOver = false;
    this.#timer = setInterval(() => {
      // One turn later: what it said last has been read by then.
      if (isOver) this.#controller.abort();
      else isOver = !sandboxes.isRunning(name);
    }, POLL_MS);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
