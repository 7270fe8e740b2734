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
import { isSandboxName } from '../network/names.ts';
import { lockDirectory, tryLock } from '../os/lock.ts';
import { RECORD_VERSION } from './record.ts';
import type { SandboxRecord } from './record.ts';
import { checkOwnDirectory, currentOwner, stateDirectory } from './state-directory.ts';

const SUFFIX = '.json';
const DRAFT_SUFFIX = '.draft';
const CONTROL_SUFFIX = '.sock';

/** A claimed record; disposing gives it up. Must be called under the lock. */
export interface Claim extends Disposable {
  readonly record: SandboxRecord;
  /** Adds to what is written down. Call under the lock. */
  amend(additions: Partial<SandboxRecord>): SandboxRecord;
}

/** A record as it is found. */
export interface FoundRecord {
  readonly record: SandboxRecord;
  /** Does its supervisor live? */
  readonly isAlive: boolean;
}

export class State {
  readonly #root: string;
  readonly #directory: string;

  constructor(prefix: string, root: string = stateDirectory(currentOwner())) {
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
    const path = this.path(record.name);
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
    let { length } = Buffer.from(serialize(record));
    return {
      get record() {
        return current;
      },
      amend(additions) {
        current = { ...current, ...additions };
        const text = Buffer.from(serialize(current));
        // One call, and never shorter: a reader finds the whole of it even if this process is killed here.
        length = Math.max(length, text.length);
        writeSync(fd, Buffer.concat([text, Buffer.alloc(length - text.length, ' ')]), 0, length, 0);
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

  /**
   * Records of living supervisors as they are at this moment, for a look that needs no lock and tidies
   * nothing up; undefined where this user may not see them.
   */
  peek(): SandboxRecord[] | undefined {
    return this.peekAll()?.flatMap(({ record, isAlive }) => (isAlive ? [record] : []));
  }

  /** As {@link peek}, with those of dead supervisors that nobody has swept up after yet. */
  peekAll(): FoundRecord[] | undefined {
    try {
      const files = listFiles(this.#directory).filter((file) => file.endsWith(SUFFIX));
      return files.flatMap((file) => this.#readIfThere(join(this.#directory, file)) ?? []);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
      throw error;
    }
  }

  /**
   * The record of a living supervisor of this user, by the sandbox's name, as it is at this moment; without the lock.
   * @throws {WasmrunError} STATE_UNREADABLE; PERMISSION_DENIED where others may write records
   */
  find(name: string): SandboxRecord | undefined {
    if (!isSandboxName(name)) return undefined;
    checkOwnDirectory(this.#root, currentOwner().uid);
    const found = this.#readIfThere(this.path(name));
    return found?.isAlive === true ? found.record : undefined;
  }

  /** Records of dead supervisors. Call under the lock. */
  dead(): SandboxRecord[] {
    return this.#all().flatMap(({ record, isAlive }) => (isAlive ? [] : [record]));
  }

  /** Forgets a dead supervisor's record. Call under the lock. */
  forget(record: SandboxRecord): void {
    rmSync(this.controlPath(record.name), { force: true });
    rmSync(this.path(record.name), { force: true });
  }

  async #lock(onWait?: (waitedMs: number) => void): Promise<Disposable> {
    const { uid } = currentOwner();
    checkOwnDirectory(this.#root, uid);
    try {
      using stack = new DisposableStack();
      stack.use(await lockDirectory(this.#root, onWait));
      // It may have been made only now, by anybody; one that is ours cannot be taken away again.
      checkOwnDirectory(this.#root, uid);
      return stack.move();
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      throw new WasmrunError('PERMISSION_DENIED', `wasmrun cannot keep its records in ${this.#root}`, {
        hint: 'make its parent directory one that this user may write to',
        cause: error,
      });
    }
  }

  /** Where the record of a sandbox lies. */
  path(name: string): string {
    return join(this.#directory, name + SUFFIX);
  }

  /** Where the control socket of a sandbox is. */
  controlPath(name: string): string {
    return join(this.#directory, name + CONTROL_SUFFIX);
  }

  #all(): FoundRecord[] {
    const files = listFiles(this.#directory);
    // Drafts are made under the lock too, so one that is seen is of somebody who was killed over it.
    for (const file of files.filter((name) => name.endsWith(DRAFT_SUFFIX)))
      rmSync(join(this.#directory, file), { force: true });
    return files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => this.#read(join(this.#directory, file)));
  }

  /** Its supervisor may be taking it away right now. */
  #readIfThere(path: string): FoundRecord | undefined {
    try {
      return this.#read(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #read(path: string): FoundRecord {
    const fd = openSync(path, 'r');
    try {
      const record = JSON.parse(readFileSync(fd, 'utf8')) as SandboxRecord;
      if (record.version !== RECORD_VERSION)
        throw new Error(`format version ${String(record.version)} is not known`);
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
