/** Where the snapshots of apps are: one for each, in the user's cache. */
import { lstat, readdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, isOurs } from '../../src/runtime/user-cache.ts';

const PREFIX = 'python-';
const SUFFIX = '.snapshot';
/** So many apps keep theirs, some 25 MB each: those that were started last. */
const KEPT = 16;

/**
 * Absolute path of an app's snapshot, which may not be there yet. No other app starts from it: packages of the app have
 * run in it.
 * @param identity - what tells the app from others: its directory, and what is started of it
 * @throws {WasmrunError} `ENGINE_FAILED` where no directory belongs to the user alone
 */
export const snapshotPath = async (identity: readonly string[]): Promise<string> => {
  const directory = await cacheDirectory();
  const path = join(directory, `${PREFIX}${await fileName(identity)}${SUFFIX}`);
  const now = new Date();
  if (await isOurs(path)) await utimes(path, now, now);
  else await prune(directory);
  return path;
};

/** limits.h, NAME_MAX: less what stands around it. */
const MOST_CHARACTERS = 200;

/** A name that no other app has. */
const fileName = async (identity: readonly string[]): Promise<string> => {
  const text = encodeURIComponent(identity.join('\0'));
  if (text.length <= MOST_CHARACTERS) return text;
  // Loading this takes longer than all else here.
  const { createHash } = await import('node:crypto');
  return `-${createHash('sha256').update(text).digest('hex')}`;
};

/** Makes room for one more. */
const prune = async (directory: string): Promise<void> => {
  const names = (await readdir(directory)).filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX));
  const times = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      return { path, time: (await lstat(path).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  const oldest = times.toSorted((one, other) => other.time - one.time).slice(KEPT - 1);
  await Promise.all(
    oldest.flatMap(({ path }) => [path, `${path}.next`].map((each) => rm(each, { force: true }))),
  );
};
