/**
 * The SQLite file of the store, used by one process at a time: whoever has the lock on its directory. SQLite's own
 * locks would do for changes, but not for taking the file away when it is empty or aside when it is damaged.
 */
import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { lockDirectory, lockExistingDirectory } from '../os/lock.ts';
import { checkOwnDirectory, currentOwner } from './state-directory.ts';
import { damageOf, storeError } from './store-damage.ts';
import type { DamagedStore } from './store-damage.ts';
import { isEmpty, prepareTable, transact } from './store-table.ts';

/** What SQLite keeps beside a database (sqlite.org/tempfiles.html). Without that they are worth nothing. */
const COMPANIONS = ['-wal', '-shm', '-journal'];
/** How long others may have the store to themselves, in ms: each for some. */
const LOCK_TIMEOUT_MS = 10_000;
/** How long SQLite waits for a program that knows nothing of our lock, in ms; this process stands still meanwhile. */
const BUSY_TIMEOUT_MS = 500;

export class StoreFile implements AsyncDisposable {
  readonly #directory: string;
  readonly #log: Log;
  readonly #path: string;
  /** Kept, as opening and closing costs several times a change. */
  #connection: { readonly database: DatabaseSync; readonly inode: number | undefined } | undefined;

  /** @param directory - its own; that, and the one around it, go when nothing is left in them */
  constructor(directory: string, log: Log) {
    this.#directory = directory;
    this.#log = log;
    this.#path = join(directory, 'sandboxes.db');
  }

  /**
   * Runs an action as one transaction, which what it throws undoes; when this returns, it has reached the disk. The
   * file is made if missing.
   * @throws {WasmrunError} PERMISSION_DENIED, STORE_FAILED
   */
  transact<Result>(action: (database: DatabaseSync) => Result): Promise<Result> {
    return this.#failing(async () => {
      using _lock = await lockDirectory(this.#directory, this.#giveUp);
      return this.#attempt(() => this.#run(action));
    });
  }

  /** As {@link StoreFile.transact}, but where there is no file none is made, and nothing is run. */
  transactIfExists<Result>(action: (database: DatabaseSync) => Result): Promise<Result | undefined> {
    return this.#failing(async () => {
      using lock = await lockExistingDirectory(this.#directory, this.#giveUp);
      if (lock === undefined) return undefined;
      return this.#attempt(() => (existsSync(this.#path) ? this.#run(action) : undefined));
    });
  }

  /** Under the lock: who closes last takes away what SQLite keeps beside the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#connection === undefined) return;
    await this.#failing(async () => {
      using _lock = await lockExistingDirectory(this.#directory, this.#giveUp);
      this.#close();
    });
  }

  async #failing<Result>(action: () => Promise<Result>): Promise<Result> {
    this.#check();
    try {
      return await action();
    } catch (error) {
      throw storeError(this.#path, error);
    }
  }

  #check(): void {
    const { uid } = currentOwner();
    for (const directory of [dirname(this.#directory), this.#directory]) checkOwnDirectory(directory, uid);
  }

  readonly #giveUp = (waitedMs: number): void => {
    if (waitedMs < LOCK_TIMEOUT_MS) return;
    throw new WasmrunError('STORE_FAILED', `another process does not let go of ${this.#directory}`, {
      hint: `"fuser -v ${this.#directory}" tells which`,
    });
  };

  /** A damaged file is set aside, then there is none. Call under the lock. */
  #attempt<Result>(action: () => Result): Result {
    // The directory may have been made only now, by anybody; one that is ours cannot be taken away again.
    this.#check();
    try {
      return action();
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined) throw error;
      this.#setAside(damage);
      return action();
    } finally {
      this.#tidy();
    }
  }

  #run<Result>(action: (database: DatabaseSync) => Result): Result {
    const database = this.#open();
    const result = transact(database, () => action(database));
    if (isEmpty(database)) this.#remove();
    return result;
  }

  #open(): DatabaseSync {
    if (this.#connection !== undefined) {
      if (this.#connection.inode === inodeOf(this.#path)) return this.#connection.database;
      // Somebody else took the file away. SQLite sees that, too, and touches nothing of a new one.
      this.#close();
    }
    if (!existsSync(this.#path)) {
      this.#removeCompanions();
      // SQLite gives the files beside it the same mode.
      closeSync(openSync(this.#path, 'wx', 0o600));
    }
    const database = new DatabaseSync(this.#path, { timeout: BUSY_TIMEOUT_MS });
    this.#connection = { database, inode: inodeOf(this.#path) };
    prepareTable(database);
    return database;
  }

  /** The file keeps its log: nothing is written to either from the time when the damage was seen. */
  #setAside({ label, message }: DamagedStore): void {
    const aside = unusedPath(`${this.#path}.${label}-${new Date().toISOString()}`);
    // Whoever is killed between these lines leaves either the file with its log, or a copy of the log without the file.
    for (const path of this.#companions()) linkSync(path, path.replace(this.#path, aside));
    renameSync(this.#path, aside);
    this.#log.warn(
      `the sandboxes that were kept in ${this.#path} are forgotten, ` +
        `as it cannot be understood (${message}); it is now ${aside}`,
    );
    this.#close();
  }

  #remove(): void {
    rmSync(this.#path);
    this.#close();
  }

  #tidy(): void {
    if (!existsSync(this.#path)) this.#removeCompanions();
    removeIfEmpty(this.#directory);
    removeIfEmpty(dirname(this.#directory));
  }

  /** There must be no database: they are of one that was. */
  #removeCompanions(): void {
    for (const path of this.#companions()) rmSync(path);
  }

  #companions(): string[] {
    return COMPANIONS.map((suffix) => this.#path + suffix).filter((path) => existsSync(path));
  }

  #close(): void {
    const { database } = this.#connection ?? {};
    this.#connection = undefined;
    database?.close();
  }
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

/** No file is ever replaced by one that is set aside. */
const unusedPath = (path: string): string => {
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? path : `${path}-${count}`;
    if (!existsSync(candidate)) return candidate;
  }
};

const removeIfEmpty = (directory: string): void => {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty, or already gone: both are as they should be.
  }
};
