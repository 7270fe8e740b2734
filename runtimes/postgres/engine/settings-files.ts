/**
 * Files that settings were read from. A postmaster reads them when it is told to, and its children have what it has. Here
 * each session has what the files say when it begins: those that have changed since the first backend read them are read again.
 */
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { INSTALLATION } from '../postgres-options.ts';

export class SettingsFiles {
  readonly #files: GuestFileSystem;
  readonly #states = new Map<string, string>();

  constructor(files: GuestFileSystem) {
    this.#files = files;
  }

  /** A file, or a directory, is opened: those of settings by their whole path, others from the data directory on. */
  onOpen(path: string): void {
    if (!path.startsWith('/') || path.startsWith(INSTALLATION)) return;
    this.#states.set(path, this.#stateOf(path));
  }

  /** Is any of them another one by now? */
  get haveChanged(): boolean {
    for (const [path, state] of this.#states) if (this.#stateOf(path) !== state) return true;
    return false;
  }

  #stateOf(path: string): string {
    const stat = this.#files.stat(path, true);
    return typeof stat === 'number' ? String(stat) : [stat.ino, stat.size, stat.mtim, stat.ctim].join(' ');
  }
}
