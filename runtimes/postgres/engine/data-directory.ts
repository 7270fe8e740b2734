/** The data directory: a new one is unpacked, one that is there already is used as it is. */
import { constants } from 'node:fs';
import { RECORD_LOCK } from '../../../src/engine/descriptor.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { WasmrunError } from '../../../src/errors.ts';
import { DATA_DIRECTORY } from '../postgres-options.ts';
import { CONTROL_FILE_PATH, withOwnSecret } from './control-file.ts';
import { unpackDirectory } from '../template-archive.ts';
import type { UnpackedEntry } from '../template-archive.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const { O_RDWR, O_WRONLY, O_CREAT, O_TRUNC } = constants;

const isVersion = ({ path }: UnpackedEntry): boolean => path === 'PG_VERSION';

const must = (path: string, result: number): number => {
  if (result >= 0) return result;
  throw new WasmrunError('APP_NOT_RUNNABLE', `cannot write ${path} of the data directory: errno ${-result}`);
};

/** Tells that a server works on the data directory: held by the process that has it open (fcntl(2)). */
const LOCK_FILE = `${DATA_DIRECTORY}/wasmrun.lock`;
/** fcntl.h: F_WRLCK; the whole file is what is locked where all else is 0. */
const WRITE_LOCK = 1;

/**
 * Makes sure that nobody else works on the data directory, as long as this process lives.
 * @throws {WasmrunError} where somebody does
 */
export const lockDataDirectory = (files: GuestFileSystem): void => {
  const file = files.openDescriptor(LOCK_FILE, O_RDWR | O_CREAT, FILE_MODE);
  if (typeof file === 'number') return void must('wasmrun.lock', file);
  const lock = new Uint8Array(RECORD_LOCK.size);
  new DataView(lock.buffer).setInt16(0, WRITE_LOCK, true);
  if (file.lockRecord(RECORD_LOCK.set, lock) >= 0) return;
  throw new WasmrunError('APP_NOT_RUNNABLE', 'another database works on the data directory', {
    hint: 'Stop it, or give this one a directory of its own.',
  });
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
    const bytes = path === CONTROL_FILE_PATH ? withOwnSecret(content) : content;
    must(path, files.openFiles.writeBytes(fd, bytes, undefined));
    must(path, files.openFiles.close(fd));
  }
};
