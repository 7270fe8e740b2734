/** What `internalBinding('fs')` tells and changes of files beside their contents. */
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { ERRNO } from '../errno.ts';
import { check } from '../system-error.ts';
import { bytesOf } from './buffer.ts';
import { validFd } from './file-contents.ts';
import { isRequest, perform } from './file-request.ts';
import type { FileRequest } from './file-request.ts';

/** node_file.h, kFsStatsFieldsNumber. */
export const STAT_FIELDS = 18;

/** Where a result at once is put, again and again; twice as long for a watcher's two. */
export const statValues = new Float64Array(2 * STAT_FIELDS);
export const bigintStatValues = new BigInt64Array(2 * STAT_FIELDS);
const shared = {
  float: { values: statValues, bytes: bytesOf(statValues) },
  bigint: { values: bigintStatValues, bytes: bytesOf(bigintStatValues) },
};

/** node_file.h, FsStatsOffset. */
export const STAT = { device: 0, mode: 1, inode: 7, size: 8, accessedAt: 10, modifiedAt: 12 } as const;
/** inode(7): kinds of files in their mode. */
const KIND_MASK = 0o170000;
export const FIFO = 0o010000;
export const DIRECTORY = 0o040000;
export const REGULAR_FILE = 0o100000;
export const SYMBOLIC_LINK = 0o120000;
export const SOCKET = 0o140000;

/** For the bindings themselves: the fields, or an error number. */
export const statOf = (path: FilePath, follow: boolean): Float64Array | number => {
  const fields = new Float64Array(STAT_FIELDS);
  const result = host.statPath(path, follow, false, bytesOf(fields));
  return result < 0 ? result : fields;
};

export const isKind = (stat: Float64Array | number, kind: number): boolean =>
  typeof stat !== 'number' && (stat[STAT.mode]! & KIND_MASK) === kind;

interface StatQuestion {
  readonly syscall: string;
  readonly path?: FilePath;
  readonly isBigInt: boolean;
  /** Error numbers that are none to who asks. */
  readonly absences: readonly number[];
  fill(isBigInt: boolean, into: Uint8Array): number;
}

const stat = (request: FileRequest, question: StatQuestion): unknown =>
  perform(request, () => {
    const { isBigInt } = question;
    let target: { values: Float64Array | BigInt64Array; bytes: Uint8Array } = isBigInt
      ? shared.bigint
      : shared.float;
    if (isRequest(request)) {
      const values = isBigInt ? new BigInt64Array(STAT_FIELDS) : new Float64Array(STAT_FIELDS);
      target = { values, bytes: bytesOf(values) };
    }
    const result = question.fill(isBigInt, target.bytes);
    if (question.absences.includes(result)) return undefined;
    check(result, question.syscall, question.path);
    return target.values;
  });

/** What `throwIfNoEntry: false` is about. */
const ABSENCES = { stat: [ERRNO.ENOENT, ERRNO.ENOTDIR], lstat: [ERRNO.ENOENT] } as const;
const NONE: readonly number[] = [];

const statPath =
  (syscall: keyof typeof ABSENCES, follow: boolean) =>
  (path: FilePath, isBigInt = false, request?: FileRequest, throwIfNoEntry = true) =>
    stat(request, {
      syscall,
      path,
      isBigInt,
      absences: throwIfNoEntry ? NONE : ABSENCES[syscall],
      fill: (big, into) => host.statPath(path, follow, big, into),
    });

const changeOwner =
  (syscall: string, follow: boolean) => (path: FilePath, uid: number, gid: number, request?: FileRequest) =>
    perform(request, () => void check(host.setOwner(path, follow, uid, gid), syscall, path));

const changeTimes =
  (syscall: string, follow: boolean) =>
  (path: FilePath, atime: number, mtime: number, request?: FileRequest) =>
    perform(request, () => void check(host.setPathTimes(path, follow, atime, mtime), syscall, path));

export const fileStatus = {
  stat: statPath('stat', true),
  lstat: statPath('lstat', false),
  fstat: (file: unknown, isBigInt = false, request?: FileRequest) => {
    const fd = validFd(file);
    return stat(request, {
      syscall: 'fstat',
      isBigInt,
      absences: NONE,
      fill: (big, into) => host.statFile(fd, big, into),
    });
  },
  statfs: (path: FilePath, isBigInt?: boolean, request?: FileRequest) =>
    perform(request, () => {
      const fields = check(host.statFileSystem(path), 'statfs', path);
      return isBigInt === true ? BigInt64Array.from(fields, BigInt) : Float64Array.from(fields);
    }),
  access: (path: FilePath, mode: number, request?: FileRequest) =>
    perform(request, () => void check(host.accessPath(path, mode), 'access', path)),
  existsSync: (path: FilePath) => host.accessPath(path, 0) >= 0,
  chmod: (path: FilePath, mode: number, request?: FileRequest) =>
    perform(request, () => void check(host.setPathMode(path, mode), 'chmod', path)),
  fchmod: (file: unknown, mode: number, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.setFileMode(fd, mode), 'fchmod'));
  },
  chown: changeOwner('chown', true),
  lchown: changeOwner('lchown', false),
  fchown: (file: unknown, uid: number, gid: number, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.setFileOwner(fd, uid, gid), 'fchown'));
  },
  utimes: changeTimes('utime', true),
  lutimes: changeTimes('lutime', false),
  futimes: (file: unknown, atime: number, mtime: number, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.setFileTimes(fd, atime, mtime), 'futime'));
  },
};
