/**
 * Operations of more than one step that Node gives its threads as a whole, and handles of files: classes of
 * `internalBinding('fs')`.
 */
import { AsyncWrap } from '../async-context.ts';
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { check, systemError } from '../system-error.ts';
import { bytesOf } from './buffer.ts';
import { asBuffer } from './file-names.ts';
import { callBack, perform, promised } from './file-request.ts';
import type { FileRequest } from './file-request.ts';
import { REGULAR_FILE, STAT, STAT_FIELDS, isKind } from './file-status.ts';
import { lazily } from './util.ts';

const NEW_FILE_MODE = 0o666;
const WHERE_IT_STANDS = -1;
/** Of files that do not tell their size (ReadFileJob). */
const CHUNK_SIZE = 65_536;
const NO_FD = -1;

type Done = (...values: never[]) => unknown;

class Job extends AsyncWrap {
  declare ondone: Done;

  constructor() {
    super('FSREQCALLBACK');
  }

  protected finish(...values: unknown[]): void {
    callBack(this, this.ondone, ...values);
  }
}

/** Reads a file that is not too large; a larger one it only opens. */
export class ReadFileJob extends Job {
  readonly #path: FilePath;
  readonly #flags: number;
  readonly #limit: number;

  constructor(path: FilePath, flags: number, limit: number) {
    super();
    this.#path = path;
    this.#flags = flags;
    this.#limit = limit;
  }

  /** The callback gets an error, or the contents, or an open descriptor and the size. */
  run(): void {
    const path = this.#path;
    const fd = host.openFile(path, this.#flags, NEW_FILE_MODE);
    if (fd < 0) return this.finish(systemError(fd, 'open', path), undefined, NO_FD);
    const fields = new Float64Array(STAT_FIELDS);
    const status = host.statFile(fd, false, bytesOf(fields));
    const size = isKind(fields, REGULAR_FILE) ? fields[STAT.size]! : 0;
    if (status >= 0 && size > this.#limit) return this.finish(null, undefined, fd, size);
    try {
      check(status, 'fstat', path);
      const bytes = size > 0 ? readKnown(fd, size, path) : readUnknown(fd, path);
      this.finish(null, asBuffer(bytes), NO_FD);
    } catch (error) {
      this.finish(error, undefined, NO_FD);
    } finally {
      host.closeFile(fd);
    }
  }
}

const readKnown = (fd: number, size: number, path: FilePath): Uint8Array => {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const length = check(host.readFile(fd, WHERE_IT_STANDS, bytes.subarray(at)), 'read', path);
    if (length === 0) break;
    at += length;
  }
  return bytes.subarray(0, at);
};

const readUnknown = (fd: number, path: FilePath): Uint8Array => {
  let bytes = new Uint8Array(CHUNK_SIZE);
  for (let at = 0; ;) {
    const length = check(host.readFile(fd, WHERE_IT_STANDS, bytes.subarray(at)), 'read', path);
    if (length === 0) return bytes.slice(0, at);
    at += length;
    if (at < bytes.length) continue;
    const larger = new Uint8Array(2 * bytes.length);
    larger.set(bytes);
    bytes = larger;
  }
};

/** Writes a whole file. */
export class WriteFileJob extends Job {
  readonly #path: FilePath;
  readonly #flags: number;
  readonly #mode: number;
  readonly #bytes: Uint8Array;

  constructor(path: FilePath, flags: number, mode: number, data: ArrayBufferView) {
    super();
    this.#path = path;
    this.#flags = flags;
    this.#mode = mode;
    this.#bytes = bytesOf(data);
  }

  run(): void {
    const fd = host.openFile(this.#path, this.#flags, this.#mode);
    if (fd < 0) return this.finish(systemError(fd, 'open', this.#path));
    let failure: Error | null = null;
    for (let at = 0; at < this.#bytes.length && failure === null;) {
      const length = host.writeFile(fd, WHERE_IT_STANDS, this.#bytes.subarray(at));
      if (length < 0) failure = systemError(length, 'write');
      else at += length;
    }
    const closed = host.closeFile(fd);
    if (closed < 0) failure ??= systemError(closed, 'close');
    this.finish(failure);
  }
}

/** Copies a directory to where none is yet: the library's own way for copies with a filter, one that lets all pass. */
export class CpDirJob extends Job {
  readonly #source: string;
  readonly #target: string;
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(
    source: string,
    target: string,
    force: boolean,
    dereference: boolean,
    errorOnExist: boolean,
    verbatimSymlinks: boolean,
    preserveTimestamps: boolean,
    mode: number,
  ) {
    super();
    this.#source = source;
    this.#target = target;
    this.#options = {
      force,
      dereference,
      errorOnExist,
      verbatimSymlinks,
      preserveTimestamps,
      mode,
      recursive: true,
      filter: () => true,
    };
  }

  run(): void {
    const { cpFn } = lazily.requireLibrary!('internal/fs/cp/cp') as {
      cpFn(source: string, target: string, options: object): Promise<void>;
    };
    cpFn(this.#source, this.#target, this.#options).then(
      () => this.finish(null),
      (error: unknown) => this.finish(error),
    );
  }
}

/** A descriptor that belongs to an object. */
export class FileHandle extends AsyncWrap {
  #fd: number;

  constructor(fd: number) {
    super('FILEHANDLE');
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd;
  }

  close(): Promise<void> {
    const fd = this.releaseFD();
    return promised(() => void check(host.closeFile(fd), 'close'));
  }

  closeSync(): void {
    check(host.closeFile(this.releaseFD()), 'close');
  }

  /** The descriptor is somebody else's to close from now on. */
  releaseFD(): number {
    const fd = this.#fd;
    this.#fd = NO_FD;
    return fd;
  }
}

export const openFileHandle = (path: FilePath, flags: number, mode: number, request?: FileRequest) =>
  perform(request, () => new FileHandle(check(host.openFile(path, flags, mode), 'open', path)));
