/** What `fs.cpSync` asks of `internalBinding('fs')` (node_file.cc, CpSync*). */
import { errorMap } from '../constants.ts';
import { host } from '../host.ts';
import { launched } from '../launch.ts';
import { ERRNO } from '../errno.ts';
import { check, codedError } from '../system-error.ts';
import { DIRECTORY, FIFO, REGULAR_FILE, SOCKET, STAT, SYMBOLIC_LINK, isKind, statOf } from './file-status.ts';
import { lazily } from './util.ts';

const NANOSECONDS = 1e9;
const PERMISSIONS = 0o777;
const COPYFILE_EXCL = 1;

const isSame = (a: Float64Array | number, b: Float64Array | number): boolean =>
  typeof a !== 'number' &&
  typeof b !== 'number' &&
  a[STAT.inode] === b[STAT.inode] &&
  a[STAT.device] === b[STAT.device];

const exists = (path: string): boolean => typeof statOf(path, true) !== 'number';

const parentOf = (path: string): string => {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : slash === 0 ? '/' : '';
};

/** Paths that cannot be copied to one another. */
const checkPaths = (source: string, target: string, dereference: boolean, isRecursive: boolean): void => {
  const from = check(statOf(source, !dereference), dereference ? 'stat' : 'lstat', source);
  const isDirectory = isKind(from, DIRECTORY) || (dereference && isKind(from, SYMBOLIC_LINK));
  const to = statOf(target, dereference);
  if (typeof to !== 'number')
    checkTarget(source, target, { isDirectory, isOnDirectory: isKind(to, DIRECTORY) });
  checkParents(source, target, isDirectory);
  if (isDirectory && !isRecursive) {
    throw codedError(
      'ERR_FS_EISDIR',
      `Recursive option not enabled, cannot copy a directory: ${withSlash(source)}`,
    );
  }
  if (isKind(from, SOCKET)) throw codedError('ERR_FS_CP_SOCKET', `Cannot copy a socket file: ${target}`);
  if (isKind(from, FIFO)) throw codedError('ERR_FS_CP_FIFO_PIPE', `Cannot copy a FIFO pipe: ${target}`);
  const parent = parentOf(target);
  if (parent !== '' && !exists(parent)) host.makeDirectories(parent, PERMISSIONS);
};

const withSlash = (path: string): string => (path.endsWith('/') ? path : `${path}/`);

const checkTarget = (
  source: string,
  target: string,
  { isDirectory, isOnDirectory }: { isDirectory: boolean; isOnDirectory: boolean },
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
    codedError('ERR_FS_CP_EINVAL', `Cannot copy ${withSlash(source)} to a subdirectory of self ${target}`);
  if (isDirectory && target.startsWith(withSlash(source))) throw failure();
  const from = statOf(source, true);
  for (let at = parentOf(target); at !== '' && at !== '/' && at !== parentOf(source); at = parentOf(at)) {
    const there = statOf(at, true);
    if (typeof there === 'number') return;
    if (isSame(from, there)) throw failure();
  }
};

const copyTimes = (source: string, target: string): void => {
  const stat = check(statOf(source, true), 'stat', source);
  const time = (field: number): number => stat[field]! + stat[field + 1]! / NANOSECONDS;
  check(host.setPathTimes(target, true, time(STAT.accessedAt), time(STAT.modifiedAt)), 'utime', target);
};

const overrideFile = (source: string, target: string, mode: number, keepsTimes: boolean): void => {
  check(host.unlinkFile(target), 'unlink', target);
  check(host.copyFile(source, target, mode), 'cp', source, target);
  if (keepsTimes) copyTimes(source, target);
};

/** An error of the C++ library's file system, which tells errnos as positive numbers. */
const orFail = <Value>(result: Value | number, path: string): Value => {
  if (typeof result !== 'number' || result >= 0) return result as Value;
  const [code, text] = errorMap.get(result) ?? ['UNKNOWN', 'unknown error'];
  throw Object.assign(new Error(`${code}, ${text} '${path}'`), { errno: -result, code, syscall: 'cp', path });
};

const parts = (path: string): string[] =>
  (path.startsWith('/') ? path : `${launched().cwd}/${path}`).split('/');

/** Whether a path lies in another, by their names. */
const isInside = (outer: string, inner: string): boolean => {
  const names = parts(inner);
  return parts(outer).every((name, index) => name === names[index]);
};

const taken = (path: string): Error =>
  codedError(
    'ERR_FS_CP_EEXIST',
    `[ERR_FS_CP_EEXIST]: Target already exists: cp returned EEXIST ("${path}" already exists)`,
  );

interface CopyOptions {
  readonly force: boolean;
  readonly dereference: boolean;
  readonly errorOnExist: boolean;
  readonly verbatimSymlinks: boolean;
  readonly preserveTimestamps: boolean;
}

/** Copies a directory into one that may be there already (CopyDirRecursive). */
class DirectoryCopy {
  readonly #options: CopyOptions;

  constructor(options: CopyOptions) {
    this.#options = options;
  }

  copy(source: string, target: string): void {
    const isNew = !exists(target);
    orFail(host.makeDirectories(target, PERMISSIONS), target);
    this.#copyContents(source, target);
    this.#finish(source, target, isNew);
  }

  #copyContents(source: string, target: string): void {
    const [names] = orFail(host.readDirectory(source, false), source);
    for (const name of names as readonly string[]) {
      const [from, to] = [`${source}/${name}`, `${target}/${name}`];
      const isLink = isKind(statOf(from, false), SYMBOLIC_LINK);
      const { dereference } = this.#options;
      if (isLink && !dereference) this.#copyLink(from, to);
      else {
        const stat = isLink ? check(statOf(from, true), 'stat', from) : statOf(from, true);
        if (isKind(stat, DIRECTORY)) this.#copyInner(from, to);
        else if (isKind(stat, REGULAR_FILE)) this.#copyFile(from, to, isLink);
      }
    }
  }

  #copyLink(from: string, to: string): void {
    const target = orFail(host.readLink(from, false), parentOf(to)) as string;
    if (this.#options.verbatimSymlinks) {
      orFail(host.symlinkPath(target, to), parentOf(to));
      return;
    }
    if (exists(to)) replaceable(to, target);
    orFail(host.symlinkPath(canonical(`${parentOf(from)}/`, target), to), parentOf(to));
  }

  #copyInner(from: string, to: string): void {
    const isNew = !exists(to);
    if (isNew) orFail(host.makeDirectory(to, PERMISSIONS), to);
    this.#copyContents(from, to);
    this.#finish(from, to, isNew);
  }

  #copyFile(from: string, to: string, isLink: boolean): void {
    const { force, errorOnExist, preserveTimestamps } = this.#options;
    const isTaken = exists(to);
    if (isTaken && !force) {
      if (errorOnExist) throw taken(to);
      if (!isLink && preserveTimestamps) copyTimes(from, to);
      return;
    }
    if (isTaken && isLink) orFail(host.unlinkFile(to), to);
    orFail(host.copyFile(from, to, isTaken && !isLink ? 0 : COPYFILE_EXCL), parentOf(to));
    this.#finish(from, to, true);
  }

  #finish(from: string, to: string, isNew: boolean): void {
    if (isNew)
      orFail(host.setPathMode(to, check(statOf(from, true), 'stat', from)[STAT.mode]! & PERMISSIONS), to);
    if (this.#options.preserveTimestamps) copyTimes(from, to);
  }
}

/** Takes a link away that is to become another one; refuses what would copy something into itself. */
const replaceable = (path: string, target: string): void => {
  const there = statOf(path, false);
  if (isKind(there, REGULAR_FILE)) orFail(ERRNO.EEXIST, path);
  if (!isKind(there, SYMBOLIC_LINK)) return;
  const current = orFail(host.readLink(path, false), parentOf(path)) as string;
  if (isKind(statOf(target, true), DIRECTORY) && isInside(target, current)) {
    throw codedError('ERR_FS_CP_EINVAL', `Cannot copy "${target}" to a subdirectory of self "${current}"`);
  }
  if (isKind(statOf(path, true), DIRECTORY) && isInside(current, target)) {
    throw codedError('ERR_FS_CP_SYMLINK_TO_SUBDIRECTORY', `cannot overwrite "${current}" with "${target}"`);
  }
  orFail(host.unlinkFile(path), parentOf(path));
};

/** Without symbolic links, as far as there is something. */
const canonical = (directory: string, target: string): string => {
  const { resolve } = lazily.requireLibrary!('path') as unknown as typeof import('node:path');
  let rest = '';
  for (let at = resolve(directory, target); ; at = parentOf(at)) {
    const resolved = host.resolvePath(at, false);
    if (typeof resolved === 'string') return resolve(resolved, rest);
    if (at === '/') return resolve(directory, target);
    rest = rest === '' ? at.slice(at.lastIndexOf('/') + 1) : `${at.slice(at.lastIndexOf('/') + 1)}/${rest}`;
  }
};

export const fileCopy = {
  cpSyncCheckPaths: checkPaths,
  cpSyncOverrideFile: overrideFile,
  cpSyncCopyDir: (
    source: string,
    target: string,
    force: boolean,
    dereference: boolean,
    errorOnExist: boolean,
    verbatimSymlinks: boolean,
    preserveTimestamps: boolean,
  ): void =>
    new DirectoryCopy({ force, dereference, errorOnExist, verbatimSymlinks, preserveTimestamps }).copy(
      source,
      target,
    ),
};
