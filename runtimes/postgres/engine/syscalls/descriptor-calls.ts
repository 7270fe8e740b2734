/** System calls on descriptors: those of Emscripten and, for reading and writing, of WASI, whose errnos are not negated. */
import { constants } from 'node:fs';
import { FILETYPE } from '../../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { fromLinux, zeroTerminated } from '../../../../src/engine/emscripten/calls.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import type { DescriptorNumbers } from '../../../../src/engine/emscripten/descriptor-numbers.ts';
import { writeEntries } from '../../../../src/engine/emscripten/file-layouts.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import type { GuestFileSystem } from '../../../../src/engine/guest-file-system.ts';
import { CONTROL_FILE } from '../relation-files.ts';
import { SelfPipe } from '../self-pipe.ts';
import { isSegmentPath } from '../shared-segments.ts';
import type { BackendState } from './backend-calls.ts';

/** fcntl.h of musl */
const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_LARGEFILE = 0o100000;
const AT_REMOVEDIR = 0x200;
/** O_WRONLY and O_RDWR */
const WRITING = 3;

/** Those that open descriptors, or take names away. */
export const openingCalls = (
  state: BackendState,
  files: GuestFileSystem,
  numbers: DescriptorNumbers,
  byPath: Readonly<Record<string, Call>>,
): Record<string, Call> => {
  const { memory, fds, relations } = state;
  const open = (path: Buffer, flags: number, mode: number): Descriptor | number => {
    const name = path.toString('latin1');
    if (isSegmentPath(name)) return state.segments.open(name, (flags & constants.O_CREAT) !== 0);
    const opened = fromLinux(
      files.openDescriptor(path, flags & ~(O_CLOEXEC | O_LARGEFILE | O_NONBLOCK), mode & 0o700),
    );
    const isNew = (flags & constants.O_CREAT) !== 0;
    if (opened === -WASI.ENOENT && !isNew) return relations.standIn(name) ?? opened;
    if (typeof opened === 'number') return opened;
    if (isNew) relations.onCreate(name);
    if ((flags & WRITING) !== 0) state.writtenPaths.set(opened, name);
    return opened;
  };
  const text = (address: number): string => zeroTerminated(memory, address).toString('latin1');
  const call = (name: string, ...values: number[]): number =>
    (byPath[name] as (...values: number[]) => number)(...values);
  return {
    __syscall_openat: (directory: number, path: number, flags: number, values: number) => {
      const whole = numbers.pathFrom(directory, zeroTerminated(memory, path));
      const mode = (flags & constants.O_CREAT) === 0 ? 0 : memory.view.getInt32(values, true);
      const opened = open(whole, flags, mode);
      return typeof opened === 'number' ? opened : fds.add(opened);
    },
    __syscall_unlinkat: (directory: number, path: number, flags: number) => {
      const name = text(path);
      if ((flags & AT_REMOVEDIR) === 0 && isSegmentPath(name)) return state.segments.unlink(name);
      const result = call('__syscall_unlinkat', directory, path, flags);
      if (result === 0) relations.onRemove(name);
      return result;
    },
    __syscall_renameat: (from: number, path: number, to: number, target: number) => {
      const result = call('__syscall_renameat', from, path, to, target);
      if (result === 0) relations.onRename(text(path), text(target));
      return result;
    },
    __syscall_getdents64: (fd: number, address: number, size: number) => {
      const entries = numbers.entries(fd);
      if (typeof entries === 'number') return entries;
      const { length, taken } = writeEntries(memory, { address, size }, entries);
      if (taken === 0 && entries.length > 0) return -WASI.EINVAL;
      entries.splice(0, taken);
      return length;
    },
    __syscall_dup: (fd: number) => numbers.duplicate(fd),
    __syscall_dup3: (fd: number, to: number) => (fd === to ? -WASI.EINVAL : numbers.duplicateTo(fd, to)),
    __syscall_pipe2: (address: number) => {
      const [input, output] = SelfPipe.pipe();
      memory.view.setInt32(address, fds.add(input), true);
      memory.view.setInt32(address + 4, fds.add(output), true);
      return 0;
    },
    fd_close: (fd: number) => -numbers.close(fd),
  };
};

/** Those that work on what is open. */
export const descriptorCalls = (
  { memory, fds, relations, writtenPaths }: BackendState,
  files: GuestFileSystem,
  numbers: DescriptorNumbers,
): Record<string, Call> => {
  const transfer =
    (action: (descriptor: Descriptor, offset: bigint) => number) =>
    (fd: number, iovecs: number, count: number, offset: bigint, result: number): number => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return WASI.EBADF;
      memory.readIovecs(iovecs, count);
      const length = action(descriptor, offset);
      if (length < 0) return -length;
      memory.view.setUint32(result, length, true);
      return 0;
    };
  /** Writes to a file, and has what depends on it told before. */
  const writeWith = (descriptor: Descriptor, action: () => number): number => {
    const path = writtenPaths.get(descriptor);
    if (path === undefined) return action();
    // It says that everything up to a checkpoint is on disk.
    const synced = path === CONTROL_FILE ? fromLinux(relations.syncAll(files)) : 0;
    if (synced < 0) return synced;
    const length = action();
    if (length > 0) relations.onWrite(path, length);
    return length;
  };
  const sync = (fd: number, dataOnly: boolean): number => {
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    const result = descriptor.sync(dataOnly);
    const path = writtenPaths.get(descriptor);
    if (result === 0 && path !== undefined) relations.onSync(path);
    return result;
  };
  const read = transfer((descriptor) => descriptor.read(memory));
  const write = transfer((descriptor) => writeWith(descriptor, () => descriptor.write(memory)));
  return {
    fd_read: (fd: number, iovecs: number, count: number, result: number) =>
      read(fd, iovecs, count, 0n, result),
    fd_write: (fd: number, iovecs: number, count: number, result: number) =>
      write(fd, iovecs, count, 0n, result),
    fd_pread: transfer((descriptor, offset) => descriptor.pread(memory, offset)),
    fd_pwrite: transfer((descriptor, offset) =>
      writeWith(descriptor, () => descriptor.pwrite(memory, offset)),
    ),
    fd_sync: (fd: number) => -sync(fd, false),
    fd_seek: (fd: number, offset: bigint, whence: number, result: number) => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return WASI.EBADF;
      numbers.rewind(fd);
      const at = descriptor.seek(offset, whence);
      if (typeof at === 'number') return -at;
      memory.view.setBigInt64(result, at, true);
      return 0;
    },
    fd_fdstat_get: (fd: number, address: number) => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return WASI.EBADF;
      memory.slice(address, 24).fill(0);
      // A character device would be a terminal for isatty(3) of Emscripten.
      const { filetype } = descriptor;
      memory.view.setUint8(address, filetype === FILETYPE.characterDevice ? FILETYPE.unknown : filetype);
      memory.view.setBigUint64(address + 8, descriptor.rights, true);
      return 0;
    },
    __syscall_fcntl64: (fd: number, command: number) => {
      if (fds.get(fd) === undefined) return -WASI.EBADF;
      if (command === F_DUPFD || command === F_DUPFD_CLOEXEC) return numbers.duplicate(fd);
      if (command === F_GETFL) return O_RDWR;
      return command === F_GETFD || command === F_SETFD || command === F_SETFL ? 0 : -WASI.EINVAL;
    },
    __syscall_ioctl: () => -WASI.ENOTTY,
    __syscall_ftruncate64: (fd: number, size: bigint) => fds.get(fd)?.setSize(size) ?? -WASI.EBADF,
    __syscall_fdatasync: (fd: number) => sync(fd, true),
    __syscall_fallocate: (fd: number, mode: number, offset: bigint, length: bigint) =>
      mode === 0 ? (fds.get(fd)?.allocate(offset, length) ?? -WASI.EBADF) : -WASI.ENOTSUP,
    __syscall_fadvise64: () => 0,
  };
};
