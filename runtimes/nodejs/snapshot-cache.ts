/**
 * The snapshot of a guest in which Node's library stands: made once for each version of whatever it depends on, and
 * kept in the user's cache.
 */
import { execFile } from 'node:child_process';
import { lstat, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { WasmrunError } from '../../src/errors.ts';
import { packageFile, packageProgram } from '../../src/os/package-file.ts';
import { fingerprint } from '../../src/os/fingerprint.ts';
import { pinnedNode } from '../../src/os/pinned-node.ts';
import { cacheDirectory, isOurs } from '../../src/runtime/user-cache.ts';

const PREFIX = 'nodejs-';
const SUFFIX = '.snapshot';
/** What is older and not whole nobody is making any more, in ms. */
const ABANDONED_MS = 600_000;
/** Of snapshots made by other versions, so many stay. */
const KEPT = 2;
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
