/** Where suites keep what took long to get: outside of the repository. */
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Makes the directory if it is not there. It is not in `~/.cache`: Express serves nothing beneath a directory
 * whose name begins with a dot.
 * @throws {Error} where somebody else has taken its name
 */
export const openCacheDirectory = (): string => {
  const uid = process.getuid?.() ?? 0;
  const path = join(tmpdir(), `wasmrun-suites-${uid}`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const status = lstatSync(path);
  if (!status.isDirectory() || status.uid !== uid) throw new Error(`${path} belongs to somebody else`);
  return path;
};
