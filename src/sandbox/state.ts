/**
 * Which sandboxes exist: one record file each in a directory of the prefix, under one lock for the whole
 * host. A supervisor keeps its record's file locked for as long as it lives, so a record whose lock can be
 * taken belongs to a dead one: no process id can be mistaken for another.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { WasmrunError } from '../errors.ts';
import { lockDirectory, tryLock } from '../os/lock.ts';
import type { SandboxRecord } from './record.ts';

/** Where the records of all prefixes lie; a file system that a reboot empties, as it ends all namespaces. */
export const STATE_DIRECTORY = '/run/wasmrun';

const SUFFIX = '.json';
const DRAFT_SUFFIX = '.draft';

/** A claimed record; disposing gives it up. Must be called under the lock. */
export interface Claim extends Disposable {
  readonly record: SandboxRecord;
  /** Adds to what is written down. Call under the lock. */
  amend(additions: Partial<SandboxRecord>): SandboxRecord;
}

export class State {
  readonly #root: string;
  readonly #directory: string;

  constructor(prefix: string, root: string = STATE_DIRECTORY) {
    this.#root = root;
    this.#directory = join(root, prefix);
  }

  /**
   * Runs an action with the records to itself. The lock is shared by all prefixes, because addresses are.
   * @param onWait - called again and again while another process has it, with the time waited so far in ms;
   *   what it throws is thrown
   * @throws {WasmrunError} PERMISSION_DENIED
   */
  async exclusively<Result>(
    action: () => Promise<Result>,
    onWait?: (waitedMs: number) => void,
  ): Promise<Result> {
    using _lock = await this.#lock(onWait);
    try {
      return await action();
    } finally {
      // Empty directories are taken away; the lock on a removed one counts for nobody else.
      removeIfEmpty(this.#directory);
      removeIfEmpty(this.#root);
    }
  }

  /** Writes a record down, locked for the life of this process. Call under the lock. */
  claim(record: SandboxRecord): Claim {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const path = this.#path(record.name);
    const draft = `${path}.${process.pid}${DRAFT_SUFFIX}`;
    const fd = openSync(draft, 'wx', 0o600);
    try {
      writeSync(fd, serialize(record));
      tryLock(fd);
      // The record appears complete and locked at once.
      renameSync(draft, path);
    } catch (error) {
      closeSync(fd);
      rmSync(draft, { force: true });
      throw error;
    }
    let current = record;
    return {
      get record() {
        return current;
      },
      amend(additions) {
        current = { ...current, ...additions };
        // One call, and never shorter: a reader finds the whole of it even if this process is killed here.
        writeSync(fd, serialize(current), 0);
        return current;
      },
      [Symbol.dispose]: () => {
        rmSync(path, { force: true });
        closeSync(fd);
      },
    };
  }

  /** Records of living supervisors. Call under the lock. */
  living(): SandboxRecord[] {
    return this.#all().flatMap(({ record, isAlive }) => (isAlive ? [record] : []));
  }

  /** Records of dead supervisors. Call under the lock. */
  dead(): SandboxRecord[] {
    return this.#all().flatMap(({ record, isAlive }) => (isAlive ? [] : [record]));
  }

  /** Forgets a dead supervisor's record. Call under the lock. */
  forget(record: SandboxRecord): void {
    rmSync(this.#path(record.name), { force: true });
  }

  async #lock(onWait?: (waitedMs: number) => void): Promise<Disposable> {
    try {
      return await lockDirectory(this.#root, onWait);
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new WasmrunError('PERMISSION_DENIED', `wasmrun needs root: it cannot use ${this.#root}`, {
        hint: 'run wasmrun with sudo',
        cause: error,
      });
    }
  }

  #path(name: string): string {
    return join(this.#directory, name + SUFFIX);
  }

  #all(): { record: SandboxRecord; isAlive: boolean }[] {
    const files = listFiles(this.#directory);
    // Drafts are made under the lock too, so one that is seen is of somebody who was killed over it.
    for (const file of files.filter((name) => name.endsWith(DRAFT_SUFFIX)))
      rmSync(join(this.#directory, file), { force: true });
    return files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => this.#read(join(this.#directory, file)));
  }

  #read(path: string): { record: SandboxRecord; isAlive: boolean } {
    const fd = openSync(path, 'r');
    try {
      const record = JSON.parse(readFileSync(fd, 'utf8')) as SandboxRecord;
      if (record.version !== 1) throw new Error(`format version ${String(record.version)} is not known`);
      return { record, isAlive: !tryLock(fd) };
    } catch (error) {
      throw new WasmrunError(
        'STATE_UNREADABLE',
        `${path} cannot be understood: ${(error as Error).message}`,
        {
          hint: 'It was written by another version of wasmrun: use that one to stop its sandboxes.',
          cause: error,
        },
      );
    } finally {
      closeSync(fd);
    }
  }
}

const serialize = (record: SandboxRecord): string => `${JSON.stringify(record)}\n`;

const listFiles = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

const removeIfEmpty = (directory: string): void => {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty, or already gone: both are as they should be.
  }
};
