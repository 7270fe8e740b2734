/** Which Node runs the engine. A sandbox whose wall is V8 pins its V8: the package that npm locked. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The pinned binary, or the Node that runs the supervisor where no package fits the platform. */
export const engineBinary = (): string => {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node');
  } catch {
    return process.execPath;
  }
};

/** The engine's entry: compiled beside this file, or the source when run from a checkout. */
export const engineEntry = (): string =>
  fileURLToPath(new URL(`../engine/main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));
