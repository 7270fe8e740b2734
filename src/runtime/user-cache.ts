/** The user's cache: what an app starts with may lie there, so nobody else may write in it. */
import { lstat, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { WasmrunError } from '../errors.ts';

/** Where the cache of the system is (hier(7)): for root, if what it calls its home is somebody else's. */
const SYSTEM_CACHE = '/var/cache/wasmrun';
/** Write permission of group and others. */
const SHARED = 0o022;

/** XDG Base Directory Specification, XDG_CACHE_HOME. */
const userCache = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wasmrun');

/** Nobody but this user, or root, can have written it. */
export const isWrittenByUs = ({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean =>
  (uid === process.geteuid?.() || uid === 0) && (mode & SHARED) === 0;

/** Nobody but this user, or root, can have written what is there or put something else in its place. */
export const isOurs = async (path: string): Promise<boolean> => {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && (found.isFile() || found.isDirectory()) && isWrittenByUs(found);
};

/**
 * Makes the directory where it is missing. A snapshot is the memory an app starts with, so nobody else may write there:
 * the home that sudo leaves to root is another user's.
 * @throws {WasmrunError} `ENGINE_FAILED`
 */
export const cacheDirectory = async (): Promise<string> => {
  const candidates = process.geteuid?.() === 0 ? [userCache(), SYSTEM_CACHE] : [userCache()];
  for (const directory of candidates) {
    const parentIsOurs = (await isOurs(dirname(directory))) || (await isOurs(dirname(dirname(directory))));
    if (!parentIsOurs) continue;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (await isOurs(directory)) return directory;
  }
  throw new WasmrunError('ENGINE_FAILED', `others may write in ${candidates.join(' and ')}`, {
    hint: 'set XDG_CACHE_HOME to a directory that belongs to you alone',
  });
};
