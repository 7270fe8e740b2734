/** `internalBinding('fs')`, as node_file.cc has it. */
import type { Binding } from '../binding-shape.ts';
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { ERRNO, check } from '../system-error.ts';
import { bytesOf } from './buffer.ts';
import { inEncoding, isTextEncoding } from './file-names.ts';
import { FSReqCallback, isRequest, perform, usePromises } from './file-request.ts';
import type { FileRequest } from './file-request.ts';

type Position = number | bigint | null | undefined;

const WHERE_IT_STANDS = -1;
const STAT_FIELDS = 18;

const positionOf = (position: Position): number =>
  typeof position === 'bigint' || Number.isSafeInteger(position) ? Number(position) : WHERE_IT_STANDS;

/** Bytes of a buffer of whatever kind. */
const part = (buffer: ArrayBufferView, offset: number, length: number): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);

/** Writing has an object that takes the error instead of an exception. */
const writing = (
  request: FileRequest,
  context: Record<string, unknown> | undefined,
  operation: () => number,
): unknown => {
  if (context === undefined || isRequest(request)) return perform(request, operation);
  try {
    return operation();
  } catch (error) {
    const { errno, code, syscall } = error as NodeJS.ErrnoException;
    Object.assign(context, { errno, code, syscall });
    return undefined;
  }
};

const writeAll = (fd: number, buffers: readonly ArrayBufferView[], position: number): number => {
  const [first] = buffers;
  if (buffers.length === 1) return check(host.writeFile(fd, position, bytesOf(first!)), 'write');
  let length = 0;
  for (const { byteLength } of buffers) length += byteLength;
  // In one piece, as writev(2) writes it.
  const joined = new Uint8Array(length);
  let at = 0;
  for (const buffer of buffers) {
    joined.set(bytesOf(buffer), at);
    at += buffer.byteLength;
  }
  return check(host.writeFile(fd, position, joined), 'write');
};

const readAll = (fd: number, buffers: readonly ArrayBufferView[], position: number): number => {
  let total = 0;
  for (const buffer of buffers) {
    const at = position < 0 ? position : position + total;
    const length = host.readFile(fd, at, bytesOf(buffer));
    if (length < 0 && total > 0) return total;
    total += check(length, 'read');
    if (length < buffer.byteLength) break;
  }
  return total;
};

const contents = {
  open: (path: FilePath, flags: number, mode: number, request?: FileRequest) =>
    perform(request, () => check(host.openFile(path, flags, mode), 'open', path)),
  close: (fd: number, request?: FileRequest) =>
    perform(request, () => void check(host.closeFile(fd), 'close')),
  read: (
    fd: number,
    buffer: ArrayBufferView,
    offset: number,
    length: number,
    position: Position,
    request?: FileRequest,
  ) =>
    perform(request, () =>
      check(host.readFile(fd, positionOf(position), part(buffer, offset, length)), 'read'),
    ),
  readBuffers: (fd: number, buffers: readonly ArrayBufferView[], position: Position, request?: FileRequest) =>
    perform(request, () => readAll(fd, buffers, positionOf(position))),
  writeBuffer: (
    fd: number,
    buffer: ArrayBufferView,
    offset: number,
    length: number,
    position: Position,
    request?: FileRequest,
    context?: Record<string, unknown>,
  ) =>
    writing(request, context, () =>
      check(host.writeFile(fd, positionOf(position), part(buffer, offset, length)), 'write'),
    ),
  writeBuffers: (
    fd: number,
    buffers: readonly ArrayBufferView[],
    position: Position,
    request?: FileRequest,
  ) => perform(request, () => writeAll(fd, buffers, positionOf(position))),
  writeString: (
    fd: number,
    text: string,
    position: Position,
    encoding: string | undefined,
    request?: FileRequest,
    context?: Record<string, unknown>,
  ) =>
    writing(request, context, () =>
      check(host.writeFileText(fd, positionOf(position), text, encoding ?? 'utf8'), 'write'),
    ),
  readFileUtf8: (file: FilePath | number, flags: number) => {
    const fd = typeof file === 'number' ? file : check(host.openFile(file, flags, 0o666), 'open', file);
    try {
      return check(host.readWholeText(fd), 'read');
    } finally {
      if (typeof file !== 'number') host.closeFile(fd);
    }
  },
  writeFileUtf8: (file: FilePath | number, text: string, flags: number, mode: number) => {
    const fd = typeof file === 'number' ? file : check(host.openFile(file, flags, mode), 'open', file);
    try {
      check(host.writeFileText(fd, WHERE_IT_STANDS, text, 'utf8'), 'write');
    } finally {
      if (typeof file !== 'number') host.closeFile(fd);
    }
  },
  fsync: (fd: number, request?: FileRequest) =>
    perform(request, () => void check(host.syncFile(fd, false), 'fsync')),
  fdatasync: (fd: number, request?: FileRequest) =>
    perform(request, () => void check(host.syncFile(fd, true), 'fdatasync')),
  ftruncate: (fd: number, size: number, request?: FileRequest) =>
    perform(request, () => void check(host.truncateFile(fd, size), 'ftruncate')),
};

/** Where a result at once is put, again and again. */
const shared = { float: new Float64Array(2 * STAT_FIELDS), bigint: new BigInt64Array(2 * STAT_FIELDS) };
const sharedBytes = { float: bytesOf(shared.float), bigint: bytesOf(shared.bigint) };

const stat = (
  request: FileRequest,
  isBigInt: boolean | undefined,
  fill: (isBigInt: boolean, into: Uint8Array) => number,
  failure: { readonly syscall: string; readonly path?: FilePath; readonly mayBeMissing?: boolean },
): unknown =>
  perform(request, () => {
    const big = isBigInt === true;
    const kind = big ? 'bigint' : 'float';
    const isOwn = isRequest(request);
    const own = big ? new BigInt64Array(STAT_FIELDS) : new Float64Array(STAT_FIELDS);
    const result = fill(big, isOwn ? bytesOf(own) : sharedBytes[kind]);
    const isMissing = result === ERRNO.ENOENT || result === ERRNO.ENOTDIR;
    if (isMissing && failure.mayBeMissing === true) return undefined;
    check(result, failure.syscall, failure.path);
    return isOwn ? own : shared[kind];
  });

const statPath =
  (syscall: string, follow: boolean) =>
  (path: FilePath, isBigInt?: boolean, request?: FileRequest, throwIfNoEntry = true) =>
    stat(request, isBigInt, (big, into) => host.statPath(path, follow, big, into), {
      syscall,
      path,
      mayBeMissing: !throwIfNoEntry,
    });

const status = {
  stat: statPath('stat', true),
  lstat: statPath('lstat', false),
  fstat: (fd: number, isBigInt?: boolean, request?: FileRequest, mayFail?: boolean) => {
    try {
      return stat(request, isBigInt, (big, into) => host.statFile(fd, big, into), { syscall: 'fstat' });
    } catch (error) {
      if (mayFail === true && !isRequest(request)) return undefined;
      throw error;
    }
  },
  statfs: (path: FilePath, isBigInt?: boolean, request?: FileRequest) =>
    perform(request, () => {
      const fields = check(host.statFileSystem(path), 'statfs', path);
      return isBigInt === true ? BigInt64Array.from(fields, BigInt) : Float64Array.from(fields);
    }),
  access: (path: FilePath, mode: number, request?: FileRequest) =>
    perform(request, () => void check(host.accessPath(path, mode), 'access', path)),
  existsSync: (path: FilePath) => host.accessPath(path, 0) >= 0,
  internalModuleStat: (path: FilePath) => host.statKind(path),
};

const names = {
  readdir: (path: FilePath, encoding: string | undefined, withTypes: boolean, request?: FileRequest) =>
    perform(request, () => {
      const [found, types] = check(host.readDirectory(path, !isTextEncoding(encoding)), 'scandir', path);
      const list = isTextEncoding(encoding) ? found : found.map((name) => inEncoding(name, encoding));
      return withTypes ? [list, types] : list;
    }),
  readlink: (path: FilePath, encoding?: string, request?: FileRequest) =>
    perform(request, () =>
      inEncoding(check(host.readLink(path, !isTextEncoding(encoding)), 'readlink', path), encoding),
    ),
  realpath: (path: FilePath, encoding?: string, request?: FileRequest) =>
    perform(request, () =>
      inEncoding(check(host.resolvePath(path, !isTextEncoding(encoding)), 'realpath', path), encoding),
    ),
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
};

const attributes = {
  chmod: (path: FilePath, mode: number, request?: FileRequest) =>
    perform(request, () => void check(host.setPathMode(path, mode), 'chmod', path)),
  fchmod: (fd: number, mode: number, request?: FileRequest) =>
    perform(request, () => void check(host.setFileMode(fd, mode), 'fchmod')),
  utimes: (path: FilePath, atime: number, mtime: number, request?: FileRequest) =>
    perform(request, () => void check(host.setPathTimes(path, true, atime, mtime), 'utime', path)),
  lutimes: (path: FilePath, atime: number, mtime: number, request?: FileRequest) =>
    perform(request, () => void check(host.setPathTimes(path, false, atime, mtime), 'lutime', path)),
  futimes: (fd: number, atime: number, mtime: number, request?: FileRequest) =>
    perform(request, () => void check(host.setFileTimes(fd, atime, mtime), 'futime')),
};

export const createFileSystem = (): Binding => ({
  ...contents,
  ...status,
  ...names,
  ...attributes,
  kFsStatsFieldsNumber: STAT_FIELDS,
  kUsePromises: usePromises,
  statValues: shared.float,
  bigintStatValues: shared.bigint,
  FSReqCallback,
});
