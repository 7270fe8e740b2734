/** What `fs.cpSync` asks of `internalBinding('fs')` (node_file.cc, CpSync*). */
import { host } from '../host.ts';
import { check, codedError } from '../system-error.ts';
import { bytesOf } from './buffer.ts';
import { STAT_FIELDS } from './file-status.ts';
import { lazily } from './util.ts';

/** node_file.h, FsStatsOffset; inode(7) */
const FIELD = { device: 0, mode: 1, inode: 7, accessedAt: 10, modifiedAt: 12 } as const;
const FILE_KIND = 0o170000;
const DIRECTORY = 0o040000;
const SYMBOLIC_LINK = 0o120000;
const FIFO = 0o010000;
const SOCKET = 0o140000;
const NANOSECONDS = 1e9;

const statOf = (path: string, follow: boolean): Float64Array | number => {
  const fields = new Float64Array(STAT_FIELDS);
  const result = host.statPath(path, follow, false, bytesOf(fields));
  return result < 0 ? result : fields;
};

const kindOf = (stat: Float64Array): number => stat[FIELD.mode]! & FILE_KIND;

const isSame = (a: Float64Array | number, b: Float64Array | number): boolean =>
  typeof a !== 'number' &&
  typeof b !== 'number' &&
  a[FIELD.inode] === b[FIELD.inode] &&
  a[FIELD.device] === b[FIELD.device];

const parentOf = (path: string): string => {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : '';
};

/** Paths that cannot be copied to one another. */
const checkPaths = (source: string, target: string, dereference: boolean, isRecursive: boolean): void => {
  const from = statOf(source, !dereference);
  if (typeof from === 'number') check(from, dereference ? 'stat' : 'lstat', source);
  const kind = kindOf(from as Float64Array);
  const isDirectory = kind === DIRECTORY || (dereference && kind === SYMBOLIC_LINK);
  const to = statOf(target, dereference);
  if (typeof to !== 'number') checkTarget({ source, target, isDirectory }, kindOf(to) === DIRECTORY);
  checkParents(source, target, isDirectory);
  if (isDirectory && !isRecursive) {
    throw codedError('ERR_FS_EISDIR', `Recursive option not enabled, cannot copy a directory: ${source}/`);
  }
  if (kind === SOCKET) throw codedError('ERR_FS_CP_SOCKET', `Cannot copy a socket file: ${target}`);
  if (kind === FIFO) throw codedError('ERR_FS_CP_FIFO_PIPE', `Cannot copy a FIFO pipe: ${target}`);
  if (typeof to === 'number' && parentOf(target) !== '') host.makeDirectories(parentOf(target), 0o777);
};

const checkTarget = (
  { source, target, isDirectory }: { source: string; target: string; isDirectory: boolean },
  isOnDirectory: boolean,
): void => {
  if (isSame(statOf(source, true), statOf(target, true))) {
    throw codedError('ERR_FS_CP_EINVAL', `src and dest cannot be the same ${target}`);
  }
  if (isDirectory && !isOnDirectory) {
    throw codedError(
      'ERR_FS_CP_DIR_TO_NON_DIR',
      `Cannot overwrite non-directory ${target} with directory ${source}`,
    );
  }
  if (!isDirectory && isOnDirectory) {
    throw codedError(
      'ERR_FS_CP_NON_DIR_TO_DIR',
      `Cannot overwrite directory ${target} with non-directory ${source}`,
    );
  }
};

/** A directory cannot be copied into itself. */
const checkParents = (source: string, target: string, isDirectory: boolean): void => {
  const failure = (): Error =>
    codedError('ERR_FS_CP_EINVAL', `Cannot copy ${source}/ to a subdirectory of self ${target}`);
  if (isDirectory && target.startsWith(source.endsWith('/') ? source : `${source}/`)) throw failure();
  const from = statOf(source, true);
  for (let at = parentOf(target); at !== '' && at !== '/' && at !== parentOf(source); at = parentOf(at)) {
    const there = statOf(at, true);
    if (typeof there === 'number') return;
    if (isSame(from, there)) throw failure();
  }
};

const copyTimes = (source: string, target: string): void => {
  const stat = statOf(source, true);
  if (typeof stat === 'number') return void check(stat, 'stat', source);
  const time = (field: number): number => stat[field]! + stat[field + 1]! / NANOSECONDS;
  check(host.setPathTimes(target, true, time(FIELD.accessedAt), time(FIELD.modifiedAt)), 'utime', target);
};

const overrideFile = (source: string, target: string, mode: number, keepsTimes: boolean): void => {
  check(host.unlinkFile(target), 'unlink', target);
  check(host.copyFile(source, target, mode), 'cp', source, target);
  if (keepsTimes) copyTimes(source, target);
};

/** The library's own way for copies with a filter, one that lets all pass. */
const copyDirectory = (
  source: string,
  target: string,
  force: boolean,
  dereference: boolean,
  errorOnExist: boolean,
  verbatimSymlinks: boolean,
  preserveTimestamps: boolean,
): void => {
  const { cpSyncFn } = lazily.requireLibrary!('internal/fs/cp/cp-sync') as {
    cpSyncFn(source: string, target: string, options: object): void;
  };
  cpSyncFn(source, target, {
    force,
    dereference,
    errorOnExist,
    verbatimSymlinks,
    preserveTimestamps,
    mode: 0,
    recursive: true,
    filter: () => true,
  });
};

export const fileCopy = {
  cpSyncCheckPaths: checkPaths,
  cpSyncOverrideFile: overrideFile,
  cpSyncCopyDir: copyDirectory,
};
