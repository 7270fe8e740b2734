/**
 * The snapshot of a guest in which Node's library stands: made once for each version of whatever it depends on, and
 * kept in the user's cache.
 */
import { execFile } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { WasmrunError } from '../../src/errors.ts';
import { packageFile, packageProgram } from '../../src/os/package-file.ts';
import { fingerprint } from '../../src/os/fingerprint.ts';
import { pinnedNode } from '../../src/os/pinned-node.ts';

/** Where the cache of the system is (hier(7)): for root, if what it calls its home is somebody else's. */
const SYSTEM_CACHE = '/var/cache/wasmrun';
const PREFIX = 'nodejs-';
const SUFFIX = '.snapshot';
/** What is older and not whole nobody is making any more, in ms. */
const ABANDONED_MS = 600_000;
/** Of snapshots made by other versions, so many stay. */
const KEPT = 2;
/** Write permission of group and others. */
const SHARED = 0o022;

/** XDG Base Directory Specification, XDG_CACHE_HOME. */
const userCache = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wasmrun');

/** Nobody but this user, or root, can have written what is there or put something else in its place. */
const isOurs = async (path: string): Promise<boolean> => {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || !(found.isFile() || found.isDirectory())) return false;
  return (found.uid === process.geteuid?.() || found.uid === 0) && (found.mode & SHARED) === 0;
};

/**
 * Makes the directory where it is missing. A snapshot is the memory an app starts with, so nobody else may write there:
 * the home that sudo leaves to root is another user's.
 * @throws {WasmrunError} `ENGINE_FAILED`
 */
const cacheDirectory = async (): Promise<string> => {
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

/** What the snapshot depends on: what scripts/build.ts has made of all parts of a guest, and Node. */
const keyOf = async (): Promise<string> => {
  const build = await readFile(packageFile('dist/drivers/nodejs/build-hash.txt'), 'utf8');
  const node = pinnedNode();
  // Where npm has none for this machine, it is whichever runs this.
  const version = node === process.execPath ? process.version : '';
  return `${build}-${fingerprint(`${node} ${version} ${process.arch}`)}`;
};

/**
 * Absolute path of the snapshot; made first where it is not there yet, which takes a second.
 * @throws {WasmrunError} `ENGINE_FAILED`
 */
export const snapshotFile = async (): Promise<string> => {
  const directory = await cacheDirectory();
  const file = join(directory, `${PREFIX}${await keyOf()}${SUFFIX}`);
  if (await isOurs(file)) return file;
  const program = packageProgram('runtimes/nodejs/make-snapshot.ts', 'dist/drivers/nodejs/make-snapshot.mjs');
  try {
    await promisify(execFile)(pinnedNode(), ['--expose-internals', '--no-warnings', program, file]);
  } catch (error) {
    throw new WasmrunError(
      'ENGINE_FAILED',
      `Node's library could not be prepared: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  await prune(directory, basename(file));
  return file;
};

/** Removes snapshots that other versions of wasmrun made, but for the latest, and what a killed one left. */
const prune = async (directory: string, present: string): Promise<void> => {
  const names = (await readdir(directory)).filter((name) => name.startsWith(PREFIX) && name !== present);
  const found = await Promise.all(
    names.map(async (name) => ({
      name,
      time: (await lstat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0,
    })),
  );
  const latestFirst = found.toSorted((one, other) => other.time - one.time);
  const kept = new Set([
    ...latestFirst.filter(({ name }) => name.endsWith(SUFFIX)).slice(0, KEPT),
    ...found.filter(({ name, time }) => !name.endsWith(SUFFIX) && time > Date.now() - ABANDONED_MS),
  ]);
  for (const each of found) if (!kept.has(each)) await rm(join(directory, each.name), { force: true });
};
