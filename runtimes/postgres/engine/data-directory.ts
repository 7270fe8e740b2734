/** The data directory: a new one is unpacked, one that is there already is used as it is. */
import { constants } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { RECORD_LOCK } from '../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { linuxResult } from '../../../src/engine/open-files.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { DATA_DIRECTORY } from '../postgres-options.ts';
import { CONTROL_FILE_PATH, secretOf, withOwnSecret } from './control-file.ts';
import { unpackDirectory } from '../template-archive.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const { O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_TRUNC } = constants;

/** The only one that the module knows. */
const MAJOR_VERSION = '18';
/** Tells that a server works on the data directory: held by the process that has it open (fcntl(2)). */
const LOCK = 'wasmrun.lock';
/** fcntl.h: F_WRLCK; the whole file is what is locked where all else is 0. */
const WRITE_LOCK = 1;
/** There while a new directory is made ready: what is beside it is nothing that anybody relies on. */
const UNFINISHED = 'wasmrun.unfinished';
const VERSION = 'PG_VERSION';

const inside = (name: string): string => `${DATA_DIRECTORY}/${name}`;

export class DataDirectory {
  readonly #files: GuestFileSystem;
  /** For people. */
  readonly name: string;

  /** @param name - what people call it */
  constructor(files: GuestFileSystem, name: string) {
    this.#files = files;
    this.name = name;
  }

  /**
   * Takes it for this process alone, and makes it fit to be started from. What is none of ours is not touched.
   * @param template - archive of a new one
   * @returns whether it is new: then {@link finish} is to be called when it is ready
   * @throws {WasmrunError} DATA_INVALID, DATA_VERSION, DATA_IN_USE
   */
  open(template: () => Uint8Array): boolean {
    this.#examine();
    this.#lock();
    // Whoever had it until now may have made it ready.
    if (this.#examine() === 'ready') return false;
    this.#empty();
    this.#write(UNFINISHED, Buffer.alloc(0));
    for (const { path, content } of unpackDirectory(template())) {
      if (content === undefined) this.#must(path, this.#files.makeDirectory(inside(path), DIRECTORY_MODE));
      else this.#write(path, path === CONTROL_FILE_PATH ? withOwnSecret(content) : content);
    }
    return true;
  }

  /** It is ready: all of it is brought to disk, and from now on it is kept. */
  finish(): void {
    this.#sync();
    this.#must(UNFINISHED, this.#files.unlink(inside(UNFINISHED)));
    // Else the mark could be back after a power failure, and what was committed meanwhile be thrown away.
    this.#sync();
  }

  /** What salts of users that are none are made from. */
  secret(): Uint8Array {
    const control = this.#files.readBytes(inside(CONTROL_FILE_PATH), O_RDONLY);
    return typeof control === 'number' ? this.#cannot('read', control) : secretOf(control);
  }

  /** A small file of the engine's own; undefined where there is none. */
  readNote(name: string): string | undefined {
    const text = this.#files.readText(inside(name), O_RDONLY);
    return typeof text === 'string' ? text : undefined;
  }

  writeNote(name: string, text: string): void {
    this.#write(name, Buffer.from(text));
  }

  #examine(): 'new' | 'ready' {
    const entries = this.#files.readDirectory(DATA_DIRECTORY);
    if (typeof entries === 'number') return this.#cannot('read', entries);
    const names = new Set(entries.map(({ name }) => name.toString()));
    if (names.has(UNFINISHED)) return 'new';
    if (names.has(VERSION)) {
      this.#checkVersion();
      return 'ready';
    }
    names.delete(LOCK);
    const [first] = names;
    if (first === undefined) return 'new';
    throw new WasmrunError(
      'DATA_INVALID',
      `${this.name} is neither empty nor a data directory of PostgreSQL: it has ${first}`,
      { hint: 'Name an empty directory, or one that is to be made: [postgres] data = "PATH".' },
    );
  }

  #checkVersion(): void {
    const version = (this.readNote(VERSION) ?? '').trim();
    if (version === MAJOR_VERSION) return;
    throw new WasmrunError(
      'DATA_VERSION',
      `${this.name} belongs to PostgreSQL ${version}, and this is PostgreSQL ${MAJOR_VERSION}`,
      {
        hint:
          `Start it with a server of version ${version} and write it down: pg_dumpall -f all.sql. Then name a new ` +
          'directory with [postgres] data = "PATH", start it here, and restore: psql -f all.sql.',
      },
    );
  }

  #lock(): void {
    const file = this.#files.openDescriptor(inside(LOCK), O_RDWR | O_CREAT, FILE_MODE);
    if (typeof file === 'number') return this.#cannot('write', file);
    const question = lockOfAll();
    if (file.lockRecord(RECORD_LOCK.set, question) >= 0) return;
    throw new WasmrunError('DATA_IN_USE', `another database works on ${this.name}${holderOf(file)}`, {
      hint: 'Stop it (wasmrun ps lists sandboxes), or give this one a directory of its own.',
    });
  }

  /** But for the lock. */
  #empty(path = DATA_DIRECTORY): void {
    const entries = this.#files.readDirectory(path);
    if (typeof entries === 'number') return this.#cannot('read', entries);
    for (const { name } of entries) {
      const entry = `${path}/${name.toString()}`;
      if (entry === inside(LOCK) || entry === inside(UNFINISHED)) continue;
      // What is a directory says so when it is to be unlinked.
      if (this.#files.unlink(entry) >= 0) continue;
      this.#empty(entry);
      this.#must(entry, this.#files.removeDirectory(entry));
    }
  }

  #write(path: string, content: Uint8Array): void {
    const files = this.#files;
    const fd = this.#must(path, files.open(inside(path), O_WRONLY | O_CREAT | O_TRUNC, FILE_MODE));
    const length = this.#must(path, files.openFiles.writeBytes(fd, content, undefined));
    if (length < content.length) this.#must(path, -NO_SPACE);
    this.#must(path, files.openFiles.close(fd));
  }

  #sync(): void {
    const result = this.#files.using(DATA_DIRECTORY, O_RDONLY | O_DIRECTORY, 0, (directory) =>
      linuxResult(directory.syncFileSystem()),
    );
    this.#must('.', result);
  }

  #must(path: string, result: number): number {
    return result >= 0 ? result : this.#cannot(`write ${path} of`, result);
  }

  #cannot(doing: string, result: number): never {
    const code = getSystemErrorName(result);
    const [uid, gid] = [process.getuid?.(), process.getgid?.()];
    throw new WasmrunError('DATA_INVALID', `cannot ${doing} the data directory ${this.name}: ${code}`, {
      ...(DENIED.has(code) && {
        hint: `It is to belong to whom the database runs as: chown -R ${uid}:${gid} ${this.name}`,
      }),
    });
  }
}

/** errno.h: ENOSPC */
const NO_SPACE = 28;
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/** struct flock (fcntl(2)): the kind of lock first, then where from and how far, all of it; who has it. */
const lockOfAll = (): Uint8Array => {
  const lock = new Uint8Array(RECORD_LOCK.size);
  new DataView(lock.buffer).setInt16(0, WRITE_LOCK, true);
  return lock;
};
const LOCK_PID_OFFSET = 24;

/** Which process has the lock, as people are told. */
const holderOf = (file: Descriptor): string => {
  const answer = lockOfAll();
  if (file.lockRecord(RECORD_LOCK.get, answer) < 0) return '';
  const pid = new DataView(answer.buffer).getInt32(LOCK_PID_OFFSET, true);
  return pid > 0 ? `: process ${pid}` : '';
};
