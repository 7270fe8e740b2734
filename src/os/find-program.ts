/** Where a command lies: for those that are started with an environment of their own. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Not in the PATH of ordinary users everywhere, though they may run what is there. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** Absolute path of a program in PATH or one of the system's directories; undefined where there is none. */
export const findProgram = (name: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_DIRECTORIES]
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find(isExecutable);

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
