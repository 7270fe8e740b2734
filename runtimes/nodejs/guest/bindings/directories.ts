/** `internalBinding('fs_dir')`: directories that are read a few names at a time. */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { ERRNO } from '../errno.ts';
import { check, systemError } from '../system-error.ts';
import { inEncoding, isTextEncoding } from './file-names.ts';
import { perform } from './file-request.ts';
import type { FileRequest } from './file-request.ts';

/** What was in a directory when it was opened. */
class DirHandle extends AsyncWrap {
  readonly #names: readonly (string | Uint8Array)[];
  readonly #types: Uint8Array;
  #next = 0;
  #isClosed = false;

  constructor(names: readonly (string | Uint8Array)[], types: Uint8Array) {
    super('DIRHANDLE');
    this.#names = names;
    this.#types = types;
  }

  /** Names and types in turn; null at the end. */
  read(encoding: string, count: number, request?: FileRequest): unknown {
    return perform(request, () => {
      if (this.#isClosed) throw systemError(ERRNO.EBADF, 'scandir');
      const end = Math.min(this.#next + Math.max(1, count), this.#names.length);
      if (this.#next === end) return null;
      const result: unknown[] = [];
      for (; this.#next < end; this.#next += 1) {
        const name = this.#names[this.#next]!;
        result.push(this.#told(name, encoding), this.#types[this.#next]);
      }
      return result;
    });
  }

  close(request?: FileRequest): unknown {
    return perform(request, () => {
      this.#isClosed = true;
    });
  }

  #told(name: string | Uint8Array, encoding: string): string | Buffer {
    if (typeof name === 'string' || !isTextEncoding(encoding)) return inEncoding(name, encoding);
    return inEncoding(name, 'utf8');
  }
}

/** @param named - what an error calls it, if anything */
const open = (path: FilePath, named?: FilePath): DirHandle => {
  // In what encoding the names are wanted is told when they are read.
  const [names, types] = check(host.readDirectory(path, true), 'opendir', named);
  return new DirHandle(names, types);
};

export const createDirectories = (): Binding => ({
  opendir: (path: FilePath, _encoding: string, request?: FileRequest) =>
    perform(request, () => open(path, path)),
  opendirSync: (path: FilePath) => open(path),
  DirHandle,
});
