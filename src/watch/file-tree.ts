/** The watched files as they were at one look: what tells one version of a file from the next. */
import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FileState {
  readonly inode: number;
  /** In bytes. */
  readonly size: number;
  /** Time of the last write, in ms; NaN (which equals nothing) while it is too young to tell writes apart. */
  readonly modified: number;
}

export interface DirectoryState {
  readonly files: ReadonlyMap<string, FileState>;
  /** Names of the directories in it. */
  readonly directories: readonly string[];
}

/** Directories by absolute path, the outermost first. A single watched file stands in its directory. */
export type FileTree = ReadonlyMap<string, DirectoryState>;

/**
 * Two writes within one tick of the kernel's clock bear the same time: a tick lasts up to 10 ms (CONFIG_HZ
 * 100), before Linux 6.13 on all file systems. In ms, with a margin.
 */
const CLOCK_TICK_MS = 20;

/** Is a path, absolute, to be left out? */
export type Ignores = (path: string, isDirectory: boolean) => boolean;

export interface Reuse {
  readonly tree: FileTree;
  /** The directories to look at again; those that are not in `tree` are looked at in any case. */
  readonly stale: ReadonlySet<string>;
}

/**
 * Looks at all files below a directory, or at the single file. Symbolic links are looked at, not
 * through: inside the sandbox they lead nowhere but to files that are watched themselves.
 * @param reuse - an earlier look, to look again at some directories only
 * @returns undefined if there is nothing at `path`
 */
export const readTree = async (
  path: string,
  ignores: Ignores,
  reuse?: Reuse,
): Promise<FileTree | undefined> => {
  const stats = await statsOf(path);
  if (stats === undefined) return undefined;
  const tree = new Map<string, DirectoryState>();
  if (stats.isDirectory()) {
    await visit(path, { ignores, reuse, tree });
    return tree;
  }
  const state = await fileState(path);
  if (state === undefined) return undefined;
  return tree.set(dirname(path), { files: new Map([[basename(path), state]]), directories: [] });
};

/**
 * An earlier look as it would have been by the rules of a later one: with its files and no others. Files
 * that only the later one counts are taken to have been the same.
 */
export const withFilesOf = (earlier: FileTree, later: FileTree): FileTree =>
  new Map(
    [...later].map(([directory, { files, directories }]) => {
      const known = earlier.get(directory)?.files;
      const states = [...files].map(([name, state]) => [name, known?.get(name) ?? state] as const);
      return [directory, { files: new Map(states), directories }];
    }),
  );

interface Visit {
  readonly ignores: Ignores;
  readonly reuse: Reuse | undefined;
  readonly tree: Map<string, DirectoryState>;
}

const visit = async (directory: string, context: Visit): Promise<void> => {
  const { reuse, tree } = context;
  const known = reuse?.tree.get(directory);
  const isFresh = known !== undefined && reuse?.stale.has(directory) === false;
  const state = isFresh ? known : await readDirectory(directory, context.ignores, known);
  if (state === undefined) return;
  tree.set(directory, state);
  for (const name of state.directories) await visit(join(directory, name), context);
};

/** Undefined if the directory is gone. */
const readDirectory = async (
  directory: string,
  ignores: Ignores,
  known: DirectoryState | undefined,
): Promise<DirectoryState | undefined> => {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error)) return undefined;
    // Forbidden, or a server that is away for a moment: no reason to call its files removed.
    return known ?? { files: new Map(), directories: [] };
  }
  const counted = entries.filter((entry) => !ignores(join(directory, entry.name), entry.isDirectory()));
  const files = await Promise.all(
    counted
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map(async ({ name }) => [name, await fileState(join(directory, name))] as const),
  );
  return {
    files: new Map(files.flatMap(([name, state]) => (state === undefined ? [] : [[name, state]]))),
    directories: counted.filter((entry) => entry.isDirectory()).map(({ name }) => name),
  };
};

/** Undefined if there is no such file. */
const fileState = async (path: string): Promise<FileState | undefined> => {
  let stats = await statsOf(path);
  if (stats !== undefined && isYoung(stats.mtimeMs)) {
    // Timers may be a little early.
    await sleep(2 * CLOCK_TICK_MS);
    stats = await statsOf(path);
  }
  if (stats === undefined) return undefined;
  const modified = isYoung(stats.mtimeMs) ? Number.NaN : stats.mtimeMs;
  return { inode: stats.ino, size: stats.size, modified };
};

const isYoung = (modified: number): boolean => Math.abs(Date.now() - modified) < CLOCK_TICK_MS;

const statsOf = async (path: string) => {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
};

const isAbsence = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
