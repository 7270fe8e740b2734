/** What `internalBinding('fs')` does with open files and their contents. */
import type { FilePath } from '../file-host.ts';
import { host } from '../host.ts';
import { check } from '../system-error.ts';
import { bytesOf } from './buffer.ts';
import { isRequest, perform } from './file-request.ts';
import type { FileRequest } from './file-request.ts';
import { lazily } from './util.ts';

type Position = number | bigint | null | undefined;

const WHERE_IT_STANDS = -1;
const NEW_FILE_MODE = 0o666;

const positionOf = (position: Position): number =>
  typeof position === 'bigint' || Number.isSafeInteger(position) ? Number(position) : WHERE_IT_STANDS;

/** Bytes of a buffer of whatever kind. */
const part = (buffer: ArrayBufferView, offset: number, length: number): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);

/** A descriptor's number. Throws what the library throws of what is none. */
export const validFd = (fd: unknown): number => {
  if (typeof fd === 'number' && (fd | 0) === fd && fd >= 0) return fd;
  const { getValidatedFd } = lazily.requireLibrary!('internal/fs/utils') as {
    getValidatedFd(fd: unknown): number;
  };
  return getValidatedFd(fd);
};

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
  if (buffers.length === 1) return check(host.writeFile(fd, position, bytesOf(buffers[0]!)), 'write');
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

/** Does something with a file that is open already, or is opened for that. */
const withFile = <Value>(
  file: FilePath | number,
  flags: number,
  mode: number,
  action: (fd: number) => Value,
): Value => {
  if (typeof file === 'number') return action(file);
  const fd = check(host.openFile(file, flags, mode), 'open', file);
  try {
    return action(fd);
  } finally {
    host.closeFile(fd);
  }
};

export const fileContents = {
  open: (path: FilePath, flags: number, mode: number, request?: FileRequest) =>
    perform(request, () => check(host.openFile(path, flags, mode), 'open', path)),
  close: (file: unknown, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.closeFile(fd), 'close'));
  },
  read: (
    file: unknown,
    buffer: ArrayBufferView,
    offset: number,
    length: number,
    position: Position,
    request?: FileRequest,
  ) => {
    const fd = validFd(file);
    return perform(request, () =>
      check(host.readFile(fd, positionOf(position), part(buffer, offset, length)), 'read'),
    );
  },
  readBuffers: (
    file: unknown,
    buffers: readonly ArrayBufferView[],
    position: Position,
    request?: FileRequest,
  ) => {
    const fd = validFd(file);
    return perform(request, () => readAll(fd, buffers, positionOf(position)));
  },
  writeBuffer: (
    file: unknown,
    buffer: ArrayBufferView,
    offset: number,
    length: number,
    position: Position,
    request?: FileRequest,
    context?: Record<string, unknown>,
  ) => {
    const fd = validFd(file);
    return writing(request, context, () =>
      check(host.writeFile(fd, positionOf(position), part(buffer, offset, length)), 'write'),
    );
  },
  writeBuffers: (
    file: unknown,
    buffers: readonly ArrayBufferView[],
    position: Position,
    request?: FileRequest,
  ) => {
    const fd = validFd(file);
    return perform(request, () => writeAll(fd, buffers, positionOf(position)));
  },
  writeString: (
    file: unknown,
    text: string,
    position: Position,
    encoding: string | undefined,
    request?: FileRequest,
    context?: Record<string, unknown>,
  ) => {
    const fd = validFd(file);
    return writing(request, context, () =>
      check(host.writeFileText(fd, positionOf(position), text, encoding ?? 'utf8'), 'write'),
    );
  },
  readFileUtf8: (file: FilePath | number, flags: number) =>
    withFile(file, flags, NEW_FILE_MODE, (fd) => check(host.readWholeText(fd), 'read')),
  writeFileUtf8: (file: FilePath | number, text: string, flags: number, mode: number) =>
    withFile(
      file,
      flags,
      mode,
      (fd) => void check(host.writeFileText(fd, WHERE_IT_STANDS, text, 'utf8'), 'write'),
    ),
  fsync: (file: unknown, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.syncFile(fd, false), 'fsync'));
  },
  fdatasync: (file: unknown, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.syncFile(fd, true), 'fdatasync'));
  },
  ftruncate: (file: unknown, size: number, request?: FileRequest) => {
    const fd = validFd(file);
    return perform(request, () => void check(host.truncateFile(fd, size), 'ftruncate'));
  },
};
