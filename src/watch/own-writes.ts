/**
 * Keeps a build from starting itself: some builds write files that nobody declared as their output.
 * Such a file changes in every build; a file that the user saves meanwhile does not for long.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log } from '../log.ts';
import type { FileChange } from './change-batch.ts';

/** A file that is new after so many builds in a row is taken to be written by them. */
const BUILDS_IN_A_ROW = 5;

interface Trace {
  readonly content: string | undefined;
  /** How many builds in a row left it changed. */
  readonly builds: number;
}

export class OwnWrites {
  readonly #log: Log;
  /** Files that changed during the last build. */
  #traces: ReadonlyMap<string, Trace> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Of the changes during a build: those that may be the user's. Not a file with the content that the
   * build before left it with, and not one that differs after every one of five builds.
   */
  async withoutRepeats(changes: readonly FileChange[]): Promise<readonly FileChange[]> {
    const before = this.#traces;
    const traces = await Promise.all(
      changes.map(async (change) => {
        const builds = (before.get(change.path)?.builds ?? 0) + 1;
        return { change, content: await digestOf(change.path), builds };
      }),
    );
    this.#traces = new Map(traces.map((trace) => [trace.change.path, trace]));
    for (const { change, builds } of traces) {
      if (builds !== BUILDS_IN_A_ROW) continue;
      this.#log.warn(
        `${change.path} changes with every build and starts none any more while one runs: ` +
          'name it in ignore of [watch], or as output of [build]',
      );
    }
    return traces
      .filter(({ change, content, builds }) => {
        const last = before.get(change.path);
        return last === undefined || (last.content !== content && builds < BUILDS_IN_A_ROW);
      })
      .map(({ change }) => change);
  }
}

/** Undefined if the file is gone or cannot be read. */
const digestOf = async (path: string): Promise<string | undefined> => {
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch {
    return undefined;
  }
};
