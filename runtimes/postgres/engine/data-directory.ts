/** The data directory: a new one is unpacked, one that is there already is used as it is. */
import { constants } from 'node:fs';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { DATA_DIRECTORY } from '../postgres-options.ts';
import { unpackDirectory } from '../template-archive.ts';
import type { UnpackedEntry } from '../template-archive.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const { O_WRONLY, O_CREAT, O_TRUNC } = constants;

const isVersion = ({ path }: UnpackedEntry): boolean => path === 'PG_VERSION';

const must = (path: string, result: number): number => {
  if (result >= 0) return result;
  throw new WasmrunError('APP_NOT_RUNNABLE', `cannot write ${path} of the data directory: errno ${-result}`);
};

/**
 * Makes the data directory fit to be started from.
 * @param template - archive of a new one
 * @throws {WasmrunError} where it cannot be written
 */
export const prepareDataDirectory = (files: GuestFileSystem, template: () => Uint8Array): void => {
  if (typeof files.stat(`${DATA_DIRECTORY}/PG_VERSION`, true) !== 'number') return;
  // What says that it is one comes last: half of one is unpacked again.
  const entries = [...unpackDirectory(template())];
  for (const { path, content } of [
    ...entries.filter((entry) => !isVersion(entry)),
    ...entries.filter(isVersion),
  ]) {
    const whole = `${DATA_DIRECTORY}/${path}`;
    if (content === undefined) {
      if (typeof files.stat(whole, true) === 'number') must(path, files.makeDirectory(whole, DIRECTORY_MODE));
      continue;
    }
    const fd = must(path, files.open(whole, O_WRONLY | O_CREAT | O_TRUNC, FILE_MODE));
    must(path, files.openFiles.writeBytes(fd, content, undefined));
    must(path, files.openFiles.close(fd));
  }
};
