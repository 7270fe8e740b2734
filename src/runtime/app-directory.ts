/** Which directories may be somebody's app as a whole. */
import { homedir } from 'node:os';
import { dirname, relative } from 'node:path';
import { WasmrunError } from '../errors.ts';

/**
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a home directory, `/`, and other directories that hold more than an app
 */
export const refuseBroadDirectory = (directory: string): void => {
  const tooBroad = broadness(directory);
  if (tooBroad === undefined) return;
  throw new WasmrunError('APP_NOT_RUNNABLE', `${directory} is ${tooBroad}: the app would see all of it`, {
    hint: 'put the app into a directory of its own',
  });
};

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
