/**
 * What PostgreSQL's checkpointer would know of files. Each backend remembers which ones it has written itself, and has to
 * bring to disk before a checkpoint of its own is complete (src/backend/storage/sync/sync.c); here a checkpoint is complete
 * only when what all backends have written is on disk.
 */
import { constants } from 'node:fs';
import { Descriptor, FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';

/** The file that says which checkpoint is the last complete one, from the data directory on. */
export const CONTROL_FILE = 'global/pg_control';
/** The log is brought to disk by whoever commits. */
const LOG = /^pg_wal\//;
/** Files of temporary relations, and temporary files, are nothing after a crash. */
const TEMPORARY = /(?:^|\/)(?:t\d+_\d+[^/]*|pgsql_tmp[^/]*)$/;
/** Files of tables and indexes. */
const RELATION = /^(?:base\/\d+|global|pg_tblspc\/\d+\/[^/]+\/\d+)\/\d+(?:_[a-z]+)?(?:\.\d+)?$/;
/** So many removed files are remembered. */
const MOST_REMOVED = 100_000;

export class RelationFiles {
  /** Written by whomever, and not brought to disk since. */
  readonly #unsynced = new Set<string>();
  readonly #removed = new Set<string>();
  #logBytes = 0;

  /** Bytes of the log that were written since this was last asked. */
  takeLogBytes(): number {
    const bytes = this.#logBytes;
    this.#logBytes = 0;
    return bytes;
  }

  onWrite(path: string, length: number): void {
    if (LOG.test(path)) this.#logBytes += length;
    else if (!TEMPORARY.test(path)) this.#unsynced.add(path);
  }

  onSync(path: string): void {
    this.#unsynced.delete(path);
  }

  onRemove(path: string): void {
    this.#unsynced.delete(path);
    if (!RELATION.test(path)) return;
    this.#removed.add(path);
    if (this.#removed.size > MOST_REMOVED) this.#removed.delete(this.#removed.values().next().value!);
  }

  onRename(from: string, to: string): void {
    if (this.#unsynced.delete(from)) this.#unsynced.add(to);
  }

  onCreate(path: string): void {
    this.#removed.delete(path);
  }

  /**
   * A backend that has written to what another one has removed since wants to bring it to disk, and fails where it is not
   * there: nobody has told it. It gets a file that is nothing.
   */
  standIn(path: string): Descriptor | undefined {
    return this.#removed.has(path) ? new RemovedFile() : undefined;
  }

  /** Brings all to disk; 0, or the negated errno of Linux of what cannot be. */
  syncAll(files: GuestFileSystem): number {
    for (const path of this.#unsynced) {
      const result = files.using(path, constants.O_RDWR, 0, (file) => Math.min(0, file.sync(false)));
      if (result < 0 && typeof files.stat(path, true) !== 'number') return result;
      this.#unsynced.delete(path);
    }
    return 0;
  }
}

class RemovedFile extends Descriptor {
  override readonly filetype = FILETYPE.regularFile;

  override sync(): number {
    return 0;
  }
  override pread(): number {
    return 0;
  }
  override pwrite(): number {
    return -WASI.ENOENT;
  }
  override seek(): bigint {
    return 0n;
  }
}
