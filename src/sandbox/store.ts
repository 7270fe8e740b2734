/**
 * The definitions of detached sandboxes, which outlive their supervisors and reboots: one SQLite file for all
 * sandboxes of a prefix. Loads SQLite and zod, so it is imported at the moment of need.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { currentOwner, persistentDirectory } from './state-directory.ts';
import { StoreFile } from './store-file.ts';
import { allSandboxes, deleteSandbox, findSandbox, putSandbox } from './store-table.ts';
import type { NewSandbox, SandboxChanges, StoredSandbox } from './stored-sandbox.ts';

export interface StoreOptions {
  /** Is told when a file had to be set aside. */
  readonly log: Log;
  /** Directory of all prefixes. */
  readonly root?: string;
}

/**
 * Any number of processes may use it at once. What was acknowledged, that is, when a promise was fulfilled, has reached
 * the disk. All methods throw a {@link WasmrunError} PERMISSION_DENIED or STORE_FAILED where the file cannot be used.
 */
export class Store implements AsyncDisposable {
  readonly #file: StoreFile;

  constructor(prefix: string, { log, root = persistentDirectory(currentOwner()) }: StoreOptions) {
    this.#file = new StoreFile(join(root, prefix), log);
  }

  /** All sandboxes in the order of their names. Leaves no file behind where there is none. */
  async list(): Promise<StoredSandbox[]> {
    return (await this.#file.transactIfExists(allSandboxes)) ?? [];
  }

  async find(name: string): Promise<StoredSandbox | undefined> {
    return await this.#file.transactIfExists((database) => findSandbox(database, name));
  }

  /** @throws {WasmrunError} NAME_IN_USE */
  async add(sandbox: NewSandbox): Promise<StoredSandbox> {
    const stored = { ...sandbox, id: randomBytes(6).toString('hex'), createdAt: Date.now(), ended: null };
    await this.#file.transact((database) => {
      const holder = findSandbox(database, sandbox.name);
      if (holder !== undefined)
        throw new WasmrunError('NAME_IN_USE', `there is a sandbox named ${sandbox.name} already`, {
          hint: `choose another name by --name, or remove it: wasmrun rm ${sandbox.name}`,
        });
      putSandbox(database, stored);
    });
    return stored;
  }

  /**
   * Changes a sandbox; nobody else can between the look at what it is and the change.
   * @param decide - returns what changes; what it throws leaves all as it is, and is thrown
   * @throws {WasmrunError} SANDBOX_NOT_FOUND
   */
  async change(name: string, decide: (current: StoredSandbox) => SandboxChanges): Promise<StoredSandbox> {
    return await this.#edit(name, (current, database) => {
      const changed = { ...current, ...decide(current) };
      putSandbox(database, changed);
      return changed;
    });
  }

  /**
   * Forgets a sandbox; the last one takes the file along.
   * @throws {WasmrunError} SANDBOX_NOT_FOUND
   */
  async remove(name: string): Promise<void> {
    await this.#edit(name, (current, database) => {
      deleteSandbox(database, name);
      return current;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async #edit(
    name: string,
    action: (current: StoredSandbox, database: DatabaseSync) => StoredSandbox,
  ): Promise<StoredSandbox> {
    const edited = await this.#file.transactIfExists((database) => {
      const current = findSandbox(database, name);
      return current && action(current, database);
    });
    if (edited !== undefined) return edited;
    throw new WasmrunError('SANDBOX_NOT_FOUND', `there is no sandbox named ${name}`, {
      hint: '"wasmrun ps --all" lists them',
    });
  }
}
