/** What `internalBinding('fs')` does with names, directories and links. */
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { ERRNO } from '../errno.ts';
import { check, codedError, systemError } from '../system-error.ts';
import { asBuffer, inEncoding, isTextEncoding } from './file-names.ts';
import { perform } from './file-request.ts';
import type { FileRequest } from './file-request.ts';
import { DIRECTORY, isKind, statOf } from './file-status.ts';

/** mkdtemp(3) */
const RANDOM_NAME = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const RANDOM_LENGTH = 6;
const PRIVATE_DIRECTORY_MODE = 0o700;
const ATTEMPTS = 100;
/** Errors after which removing is tried again, as often as was asked for. */
const TEMPORARY = new Set(['EBUSY', 'EMFILE', 'ENFILE', 'ENOTEMPTY', 'EPERM']);

const makeTemporary = (prefix: FilePath, encoding: string | undefined): string | Buffer => {
  const start = typeof prefix === 'string' ? prefix : asBuffer(prefix).toString('latin1');
  const encode = (path: string): FilePath =>
    typeof prefix === 'string' ? path : host.encodeText(path, 'latin1');
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const name = [...host.random(RANDOM_LENGTH)]
      .map((byte) => RANDOM_NAME[byte % RANDOM_NAME.length])
      .join('');
    const path = encode(start + name);
    const result = host.makeDirectory(path, PRIVATE_DIRECTORY_MODE);
    if (result === ERRNO.EEXIST) continue;
    check(result, 'mkdtemp', encode(`${start}XXXXXX`));
    if (typeof path === 'string')
      return isTextEncoding(encoding) ? path : inEncoding(host.encodeText(path, 'utf8'), encoding);
    return inEncoding(path, encoding ?? 'utf8');
  }
  throw systemError(ERRNO.EEXIST, 'mkdtemp', encode(`${start}XXXXXX`));
};

const readTree = (path: FilePath, encoding: string | undefined, withTypes: boolean): unknown => {
  const isText = isTextEncoding(encoding);
  // Names are joined to paths before they are told in another encoding.
  const listing = check(host.listTree(path, !isText), 'scandir', path);
  const [names, types, counts, directories] = listing;
  const told = (name: string | Uint8Array): string | Buffer => inEncoding(name, encoding);
  if (withTypes) return [names.map(told), types, Uint32Array.from(counts), directories.map(told)];
  const relative: (string | Buffer)[] = [];
  let at = 0;
  for (const [index, count] of counts.entries()) {
    const directory = directories[index]!;
    for (const end = at + count; at < end; at += 1) {
      const name = names[at]!;
      if (directory.length === 0) relative.push(told(name));
      else if (typeof name === 'string') relative.push(`${directory as string}/${name}`);
      else relative.push(told(Uint8Array.of(...(directory as Uint8Array), 0x2f, ...name)));
    }
  }
  return relative;
};

const remove = (path: FilePath, retries: number, isRecursive: boolean, delay: number): void => {
  const stat = statOf(path, false);
  // Beneath a file there is nothing, too.
  if (stat === ERRNO.ENOENT || stat === ERRNO.ENOTDIR) return;
  const isDirectory = isKind(check(stat, 'lstat', path), DIRECTORY);
  if (isDirectory && !isRecursive) {
    throw codedError('ERR_FS_EISDIR', `Path is a directory: ${asText(path)}`);
  }
  for (let attempt = 1; ; attempt += 1) {
    const result = isDirectory ? host.removeTree(path) : host.unlinkFile(path);
    if (result >= 0 || result === ERRNO.ENOENT) return;
    const error = systemError(result, 'rm', path) as NodeJS.ErrnoException;
    if (!TEMPORARY.has(error.code!) || attempt > retries) throw error;
    host.sleep(attempt * delay);
  }
};

const asText = (path: FilePath): string => (typeof path === 'string' ? path : asBuffer(path).toString());

export const fileTree = {
  readdir: (path: FilePath, encoding: string | undefined, withTypes: boolean, request?: FileRequest) =>
    perform(request, () => {
      const [found, types] = check(host.readDirectory(path, !isTextEncoding(encoding)), 'scandir', path);
      const list = isTextEncoding(encoding) ? found : found.map((name) => inEncoding(name, encoding));
      return withTypes ? [list, types] : list;
    }),
  readdirRecursive: (
    path: FilePath,
    encoding: string | undefined,
    withTypes: boolean,
    request?: FileRequest,
  ) => perform(request, () => readTree(path, encoding, withTypes)),
  readlink: (path: FilePath, encoding?: string, request?: FileRequest) =>
    perform(request, () =>
      inEncoding(check(host.readLink(path, !isTextEncoding(encoding)), 'readlink', path), encoding),
    ),
  realpath: (path: FilePath, encoding?: string, request?: FileRequest) =>
    perform(request, () =>
      inEncoding(check(host.resolvePath(path, !isTextEncoding(encoding)), 'realpath', path), encoding),
    ),
  mkdir: (path: FilePath, mode: number, isRecursive: boolean, request?: FileRequest) =>
    perform(request, () => {
      if (isRecursive) return check(host.makeDirectories(path, mode), 'mkdir', path);
      check(host.makeDirectory(path, mode), 'mkdir', path);
      return undefined;
    }),
  mkdtemp: (prefix: FilePath, encoding?: string, request?: FileRequest) =>
    perform(request, () => makeTemporary(prefix, encoding)),
  rename: (from: FilePath, to: FilePath, request?: FileRequest) =>
    perform(request, () => void check(host.renamePath(from, to), 'rename', from, to)),
  link: (from: FilePath, to: FilePath, request?: FileRequest) =>
    perform(request, () => void check(host.linkPath(from, to), 'link', from, to)),
  symlink: (target: FilePath, path: FilePath, _kind: number, request?: FileRequest) =>
    perform(request, () => void check(host.symlinkPath(target, path), 'symlink', target, path)),
  unlink: (path: FilePath, request?: FileRequest) =>
    perform(request, () => void check(host.unlinkFile(path), 'unlink', path)),
  rmdir: (path: FilePath, request?: FileRequest) =>
    perform(request, () => void check(host.removeDirectory(path), 'rmdir', path)),
  rmSync: remove,
  copyFile: (from: FilePath, to: FilePath, flags: number, request?: FileRequest) =>
    perform(request, () => void check(host.copyFile(from, to, flags), 'copyfile', from, to)),
};
