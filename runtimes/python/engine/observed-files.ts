/** Files while a snapshot is made: what was looked at is what the snapshot depends on, and nothing can be changed. */
import { constants } from 'node:fs';
import type { Descriptor, FileStat } from '../../../src/engine/descriptor.ts';
import { WASI, toLinux } from '../../../src/engine/errno.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { GuestPath } from '../../../src/engine/guest-file-system.ts';

const { O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC } = { O_ACCMODE: 3, ...constants };

/** What tells one state of a file from another; the errno where there is none. */
export const fileIdentity = (files: GuestFileSystem, path: string): string => {
  const found = files.stat(Buffer.from(path, 'latin1'), true);
  if (typeof found === 'number') return String(found);
  const { ino, size, mtim, ctim } = found;
  return [ino, size, mtim, ctim].join(' ');
};

export class ObservedFileSystem extends GuestFileSystem {
  /** Absolute paths as bytes (latin1). */
  readonly seen = new Set<string>();
  /** How often something was to be changed. */
  attempts = 0;

  override openDescriptor(path: GuestPath, flags: number, mode: number): Descriptor | number {
    if ((flags & O_ACCMODE) !== O_RDONLY || (flags & (O_CREAT | O_TRUNC)) !== 0) return this.#refuse();
    this.#note(path);
    return super.openDescriptor(path, flags, mode);
  }

  override stat(path: GuestPath, follow: boolean): FileStat | number {
    this.#note(path);
    return super.stat(path, follow);
  }

  override access(path: GuestPath, mode: number): number {
    this.#note(path);
    return super.access(path, mode);
  }

  override readLink(path: GuestPath): Buffer | number {
    this.#note(path);
    return super.readLink(path);
  }

  override makeDirectory(): number {
    return this.#refuse();
  }

  override removeDirectory(): number {
    return this.#refuse();
  }

  override unlink(): number {
    return this.#refuse();
  }

  override rename(): number {
    return this.#refuse();
  }

  override symlink(): number {
    return this.#refuse();
  }

  override setMode(): number {
    return this.#refuse();
  }

  override setTimes(): number {
    return this.#refuse();
  }

  #note(path: GuestPath): void {
    const text = Buffer.from(path as string).toString('latin1');
    this.seen.add(text.startsWith('/') ? text : `${this.currentDirectory}/${text}`);
  }

  #refuse(): number {
    this.attempts += 1;
    return -toLinux(WASI.EROFS);
  }
}
