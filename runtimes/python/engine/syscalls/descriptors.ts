/** System calls on descriptors: those of Emscripten and, for reading and writing, of WASI. */
import { constants } from 'node:fs';
import { FILETYPE } from '../../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { POLLIN, POLLOUT } from '../../../../src/engine/poll-events.ts';
import type { GuestFileSystem } from '../../../../src/engine/guest-file-system.ts';
import { MemoryPipe } from '../memory-pipe.ts';
import { fromLinux, zeroTerminated } from '../../../../src/engine/emscripten/calls.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import type { DescriptorNumbers } from '../../../../src/engine/emscripten/descriptor-numbers.ts';
import { writeEntries } from '../../../../src/engine/emscripten/file-layouts.ts';
import { waiting } from './calls.ts';
import type { CallContext, WaitingCall } from './calls.ts';
import { getRecordLock, setRecordLock, waitForRecordLock } from './record-locks.ts';

/** fcntl.h of musl */
const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_GETLK = 12;
const F_SETLK = 13;
const F_SETLKW = 14;
const F_DUPFD_CLOEXEC = 1030;
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_LARGEFILE = 0o100000;
const FD_CLOEXEC = 1;
/** sys/ioctl.h */
const FIONBIO = 0x5421;
const TIOCGWINSZ = 0x5413;
const TCGETS = 0x5401;
const WINSIZE_BYTES = 8;

export const descriptorCalls = (
  context: CallContext,
  files: GuestFileSystem,
  numbers: DescriptorNumbers,
): Record<string, Call> => {
  const { memory, fds } = context;
  return {
    __syscall_openat: (directory: number, path: number, flags: number, values: number) => {
      const whole = numbers.pathFrom(directory, zeroTerminated(memory, path));
      const mode = (flags & constants.O_CREAT) === 0 ? 0 : memory.view.getInt32(values, true);
      const opened = fromLinux(
        files.openDescriptor(whole, flags & ~(O_CLOEXEC | O_LARGEFILE | O_NONBLOCK), mode & 0o755),
      );
      if (typeof opened === 'number') return opened;
      const fd = fds.add(opened);
      if (fd >= 0 && opened.filetype === FILETYPE.directory) {
        const real = files.realPath(whole);
        if (typeof real !== 'number') numbers.directoryPaths.set(fd, real.toString('latin1'));
      }
      return fd;
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
    __syscall_pipe: (address: number) => {
      const [input, output] = MemoryPipe.pipe();
      memory.view.setInt32(address, fds.add(input), true);
      memory.view.setInt32(address + 4, fds.add(output), true);
      return 0;
    },
  };
};

/** Settings of descriptors. */
export const controlCalls = (
  context: CallContext,
  numbers: DescriptorNumbers,
): Record<string, WaitingCall> => {
  const { memory, fds, nonBlocking } = context;
  const control = (fd: number, command: number, values: number): number | Promise<number> => {
    const descriptor = fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    switch (command) {
      case F_DUPFD:
      case F_DUPFD_CLOEXEC:
        return numbers.duplicate(fd);
      case F_GETFD:
        return numbers.inheritable.has(fd) ? 0 : FD_CLOEXEC;
      case F_SETFD:
        return setInheritable(numbers, fd, (memory.view.getInt32(values, true) & FD_CLOEXEC) === 0);
      case F_GETFL:
        return O_RDWR | (nonBlocking.has(descriptor) ? O_NONBLOCK : 0);
      case F_SETFL:
        return setNonBlocking(context, descriptor, (memory.view.getInt32(values, true) & O_NONBLOCK) !== 0);
      case F_GETLK:
        return getRecordLock(context, descriptor, pointer(values));
      case F_SETLK:
        return setRecordLock(context, descriptor, pointer(values));
      case F_SETLKW:
        return waitForRecordLock(context, fd, pointer(values));
      default:
        return -WASI.EINVAL;
    }
  };
  const pointer = (values: number): number => memory.view.getUint32(values, true);
  return {
    __syscall_fcntl64: control,
    // pyodide's own sockets come first there; it has none here.
    _try_fcntl64: () => 0,
    __syscall_ioctl: (fd: number, request: number, values: number) => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return -WASI.EBADF;
      const address = pointer(values);
      if (request === FIONBIO) {
        return setNonBlocking(context, descriptor, memory.view.getInt32(address, true) !== 0);
      }
      const size = descriptor.windowSize();
      if (size === undefined || (request !== TIOCGWINSZ && request !== TCGETS)) return -WASI.ENOTTY;
      if (request === TIOCGWINSZ) {
        memory.slice(address, WINSIZE_BYTES).fill(0);
        memory.view.setUint16(address, size.rows, true);
        memory.view.setUint16(address + 2, size.columns, true);
      }
      return 0;
    },
  };
};

/** Those of files that are open; the last ones are WASI's, whose errnos are not negated. */
export const openFileCalls = (
  { memory, fds }: CallContext,
  numbers: DescriptorNumbers,
): Record<string, Call> => ({
  __syscall_fchmod: (fd: number, mode: number) => fds.get(fd)?.setMode(mode) ?? -WASI.EBADF,
  __syscall_fchown32: (fd: number) => (fds.get(fd) === undefined ? -WASI.EBADF : -WASI.EPERM),
  __syscall_ftruncate64: (fd: number, size: bigint) => fds.get(fd)?.setSize(size) ?? -WASI.EBADF,
  __syscall_fdatasync: (fd: number) => fds.get(fd)?.sync(true) ?? -WASI.EBADF,
  __syscall_fallocate: (fd: number, mode: number, offset: bigint, length: bigint) =>
    mode === 0 ? (fds.get(fd)?.allocate(offset, length) ?? -WASI.EBADF) : -WASI.ENOTSUP,
  __syscall_fadvise64: () => 0,
  fd_close: (fd: number) => -numbers.close(fd),
  fd_sync: (fd: number) => -(fds.get(fd)?.sync(false) ?? -WASI.EBADF),
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
    // A device is a terminal for isatty(3) of Emscripten.
    const isOtherDevice =
      descriptor.filetype === FILETYPE.characterDevice && descriptor.windowSize() === undefined;
    memory.view.setUint8(address, isOtherDevice ? FILETYPE.unknown : descriptor.filetype);
    memory.view.setBigUint64(address + 8, descriptor.rights, true);
    return 0;
  },
});

/** Reads and writes, which may wait. */
export const transferCalls = (context: CallContext): Record<string, WaitingCall> => {
  const { memory, fds } = context;
  const transfer =
    (events: number, action: (descriptor: Descriptor) => number) =>
    (fd: number, iovecs: number, count: number, result: number): number | Promise<number> => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return WASI.EBADF;
      const tell = (length: number): number => {
        if (length < 0) return -length;
        memory.refresh();
        memory.view.setUint32(result, length, true);
        return 0;
      };
      const length = waiting(context, descriptor, events, () => {
        memory.readIovecs(iovecs, count);
        return action(descriptor);
      });
      return typeof length === 'number' ? tell(length) : length.then(tell);
    };
  const at =
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
  return {
    fd_read: transfer(POLLIN, (descriptor) => descriptor.read(memory)),
    fd_write: transfer(POLLOUT, (descriptor) => descriptor.write(memory)),
    fd_pread: at((descriptor, offset) => descriptor.pread(memory, offset)),
    fd_pwrite: at((descriptor, offset) => descriptor.pwrite(memory, offset)),
  };
};

const setNonBlocking = ({ nonBlocking }: CallContext, descriptor: Descriptor, isOn: boolean): number => {
  if (isOn) nonBlocking.add(descriptor);
  else nonBlocking.delete(descriptor);
  return 0;
};

const setInheritable = ({ inheritable }: DescriptorNumbers, fd: number, isInheritable: boolean): number => {
  if (isInheritable) inheritable.add(fd);
  else inheritable.delete(fd);
  return 0;
};
