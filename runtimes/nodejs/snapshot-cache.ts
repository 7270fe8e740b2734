/**
 * The snapshot of a guest in which Node's library stands: made once for each version of whatever it depends on, and
 * kept in the user's cache.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WasmrunError } from '../../src/errors.ts';
import { packageFile, packageProgram } from '../../src/os/package-file.ts';
import { pinnedNode } from '../../src/os/pinned-node.ts';

/** XDG Base Directory Specification, XDG_CACHE_HOME. */
const cacheDirectory = (): string =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'wasmrun');

/** What the snapshot depends on besides Node itself. */
const sources = (): readonly string[] => [
  packageFile('dist/drivers/nodejs/quickjs.wasm'),
  packageFile('dist/drivers/nodejs/guest.js'),
  packageFile('dist/drivers/nodejs/bridge.wasm'),
  packageProgram('runtimes/nodejs/driver.ts', 'dist/drivers/nodejs/main.cjs'),
];

const keyOf = async (): Promise<string> => {
  const hash = createHash('sha256').update(pinnedNode()).update(process.arch);
  for (const content of await Promise.all(sources().map((file) => readFile(file)))) hash.update(content);
  return hash.digest('hex').slice(0, 16);
};

/**
 * Absolute path of the snapshot; made first where it is not there yet, which takes a second.
 * @throws {WasmrunError} `ENGINE_FAILED`
 */
export const snapshotFile = async (): Promise<string> => {
  const file = join(cacheDirectory(), `nodejs-${await keyOf()}.snapshot`);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) return file;
  await mkdir(cacheDirectory(), { recursive: true });
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
  return file;
};
