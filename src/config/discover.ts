/** Finds the configuration file of an app. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CONFIG_FILE_NAME = '.wasmrun.toml';

/**
 * The nearest `.wasmrun.toml` at or above `directory`. The search ends at the root of the git
 * repository, at the home directory, or at the file system's root, whichever comes first.
 */
export const findConfigFile = (directory: string, home: string | undefined): string | undefined => {
  const file = join(directory, CONFIG_FILE_NAME);
  if (existsSync(file)) return file;
  const parent = dirname(directory);
  if (parent === directory || directory === home || existsSync(join(directory, '.git'))) return undefined;
  return findConfigFile(parent, home);
};
