/**
 * The kernel's word that something may have changed, by chokidar. It only says where to look: what
 * changed, a look at the files tells (`file-tree.ts`).
 *
 * chokidar is told of directories only: one inotify watch each, whose raw events name the files in them.
 * Its own file events cost a watch per file and are thinned out by time, so the last one may be missing.
 */
import { basename, join } from 'node:path';
import type { Ignores } from './file-tree.ts';

export interface DirectoryListener {
  /** Something happened in a directory, or to it. */
  onEvent(directory: string): void;
  /** A directory lost its watch: it was removed, moved away, or replaced by another of its name. */
  onLost(directory: string): void;
  /** No event will come any more, or none of some directory. */
  onError(error: Error): void;
}

export interface DirectoryEvents extends AsyncDisposable {
  /** The directories that are watched, absolute. */
  readonly directories: ReadonlySet<string>;
}

/**
 * Watches a directory and all below it, or a single file, until disposed; resolves when all are watched.
 *
 * What comes later is not to be relied on: chokidar reads a new directory before it watches it, and
 * takes one that comes back under a name it knows for the old one. Begin anew for both.
 * @param path - absolute, no symbolic link
 * @throws {Error} with the `code` of the system call: `ENOSPC` when the user has no inotify watches left
 */
export const watchDirectories = async (
  path: string,
  ignores: Ignores,
  listener: DirectoryListener,
): Promise<DirectoryEvents> => {
  if (path.includes('\\')) throw new Error('chokidar takes the backslash in its name for a slash');
  const { FSWatcher } = await import('chokidar');
  const watcher = new FSWatcher({
    // Asked first without stats, which rules for directories need, then with them.
    ignored: (entry, stats) =>
      stats !== undefined && entry !== path && (!stats.isDirectory() || ignores(entry, true)),
    ignoreInitial: true,
    ignorePermissionErrors: true,
    followSymlinks: false,
    // Saves that go through a second file are put together by the look at the files.
    atomic: false,
  });
  // chokidar obeys this variable whatever its options say.
  if (watcher.options.usePolling) throw new Error('CHOKIDAR_USEPOLLING is set in the environment');

  watcher.on('raw', (event, name, details) => {
    const directory = watchedPath(details);
    // libuv names a directory's events about itself by its own name: uv_fs_event_start, Linux.
    const isItself = name === basename(directory);
    if (isItself && event === 'rename') listener.onLost(directory);
    const entry = join(directory, name);
    if (isItself || !ignores(entry, false) || !ignores(entry, true)) listener.onEvent(directory);
  });
  // Found gone before the kernel's word of it was read: chokidar has ended the watch, so none will come.
  for (const event of ['unlink', 'unlinkDir'] as const) {
    watcher.on(event, (gone) => {
      listener.onLost(gone);
      listener.onEvent(gone);
    });
  }
  const ready = Promise.withResolvers<void>();
  watcher.on('ready', ready.resolve);
  watcher.on('error', (error) => {
    const failure = error instanceof Error ? error : new Error(String(error));
    ready.reject(failure);
    listener.onError(failure);
  });
  watcher.add(path);
  try {
    await ready.promise;
  } catch (error) {
    await watcher.close();
    throw error;
  }
  return {
    directories: new Set(Object.keys(watcher.getWatched())),
    [Symbol.asyncDispose]: () => watcher.close(),
  };
};

const watchedPath = (details: unknown): string => {
  if (typeof details === 'object' && details !== null && 'watchedPath' in details) {
    if (typeof details.watchedPath === 'string') return details.watchedPath;
  }
  throw new TypeError('chokidar tells no path with an event');
};
