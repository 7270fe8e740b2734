/** Which directory above a file is the app's own. */
import { homedir } from 'node:os';
import { dirname, relative } from 'node:path';
import { readPackageJson, type PackageJson } from './package-json.ts';

/**
 * The directory of the package that `directory` belongs to: the nearest one, at or above it, whose
 * `package.json` describes a package. Undefined where there is none below what nobody mounts as a whole.
 * @param directory - absolute, without symbolic links
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a `package.json` that cannot be read
 */
export const findPackageRoot = (directory: string): string | undefined =>
  ancestors(directory).find((candidate) => isPackage(readPackageJson(candidate)));

/** A `package.json` with nothing but `type` in it only says how the files beside it are to be read. */
const isPackage = (found: PackageJson | undefined): boolean =>
  found !== undefined &&
  (found.name !== undefined ||
    found.start !== undefined ||
    found.main !== undefined ||
    found.workspaces !== undefined ||
    found.dependencies.length > 0);

/** `directory` and those above it, the nearest first, without what is never an app. */
export const ancestors = (directory: string): string[] => {
  const parent = dirname(directory);
  return broadness(directory) === undefined
    ? [directory, ...(parent === directory ? [] : ancestors(parent))]
    : [];
};

/** Directories that everybody writes to (hier(7)). */
const SHARED: ReadonlySet<string> = new Set(['/tmp', '/var/tmp', '/dev/shm']);

/**
 * What makes a directory too much to be mounted as somebody's app; undefined for an ordinary one.
 * @param home - of whoever calls
 */
export const broadness = (directory: string, home = homedir()): string | undefined => {
  if (directory === '/') return 'the root directory';
  if (directory === home || directory === '/root' || /^\/(home|Users)\/[^/]+$/.test(directory))
    return 'a home directory';
  if (directory === '/home' || directory === '/Users' || isWithin(home, directory))
    return 'a directory of home directories';
  return SHARED.has(directory) ? 'a directory that everybody writes to' : undefined;
};

/** Is `path` the directory itself or something beneath it? Both absolute and normalised. */
export const isWithin = (path: string, directory: string): boolean => {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith('../');
};
