/** Variables from the `.env` files that the start script names for Node: `--env-file`, `--env-file-if-exists`. */
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { WasmrunError } from '../../src/errors.ts';
import type { EnvFile } from './node-flags.ts';

/** Text of a file by its absolute path; undefined where it is not there. */
type ReadText = (path: string) => string | undefined;

/**
 * Adds the variables of files to those there are, as Node does: a later file beats an earlier one, and what was
 * there before beats both.
 * @param read - must reach no further than the app's own files: an app names the file, and a link of that name
 *   may lead anywhere
 * @throws {WasmrunError} `ENV_FILE_INVALID` for a file that has to be there and is not
 */
export const addEnvFiles = (
  variables: Readonly<Record<string, string>>,
  files: readonly EnvFile[],
  { workingDirectory, read }: { readonly workingDirectory: string; readonly read: ReadText },
): Record<string, string> => {
  const fromFiles = files.map(({ path, optional }) => {
    const text = read(resolve(workingDirectory, path));
    if (text === undefined && !optional) {
      throw new WasmrunError(
        'ENV_FILE_INVALID',
        `the environment file ${path} of the start script is not there`,
        {
          hint: 'make it, or write --env-file-if-exists in the start script',
        },
      );
    }
    return parseEnv(text ?? '');
  });
  return Object.assign({}, ...fromFiles, variables) as Record<string, string>;
};
