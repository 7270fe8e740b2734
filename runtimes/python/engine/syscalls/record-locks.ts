/** Locks of records (fcntl(2)): the kernel's, where others may have the file. */
import { RECORD_LOCK } from '../../../../src/engine/descriptor.ts';
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import type { CallContext } from './calls.ts';

/** How often a lock that another process has is asked for, in ms: the engine must not wait in the kernel. */
const LOCK_PATIENCE_MS = 10;

/** fcntl.h: kinds of locks; struct flock of musl is that of Linux on 64 bits, offsets in bytes. */
const F_RDLCK = 0;
const F_WRLCK = 1;
const SEEK_SET = 0;
const WHENCE = 2;
const START = 8;
const LENGTH = 16;

/**
 * Byte of a file `-shm` on which every process that has the database with its write-ahead log has a lock for reading; the
 * first one has it for writing, for a moment (UNIX_SHM_DMS in SQLite's os_unix.c).
 */
const SQLITE_PRESENCE = 128n;

interface RecordLock {
  /** Struct flock. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly isPresence: boolean;
}

const readLock = ({ memory }: CallContext, address: number): RecordLock => {
  const bytes = memory.slice(address, RECORD_LOCK.size);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const isPresence =
    view.getInt16(WHENCE, true) === SEEK_SET &&
    view.getBigInt64(START, true) === SQLITE_PRESENCE &&
    view.getBigInt64(LENGTH, true) === 1n;
  return { bytes, view, isPresence };
};

/** Asks who has a lock. A log that others have is none that the guest could have with them. */
export const getRecordLock = (context: CallContext, descriptor: Descriptor, address: number): number => {
  const { bytes, view, isPresence } = readLock(context, address);
  const result = descriptor.lockRecord(RECORD_LOCK.get, bytes);
  if (isPresence && result === 0 && view.getInt16(0, true) === F_RDLCK) view.setInt16(0, F_WRLCK, true);
  return result;
};

/**
 * Sets a lock, or takes it back; -EAGAIN or -EACCES where another process has one.
 *
 * What SQLite's processes share of a write-ahead log is memory, which a guest cannot share with others. One that is the
 * first keeps the log for itself, as long as it has it: its lock for writing does not become one for reading. Others wait
 * then as for somebody who makes what is shared, and have an error after ten seconds (SQLITE_PROTOCOL).
 */
export const setRecordLock = (context: CallContext, descriptor: Descriptor, address: number): number => {
  const { unshared } = context;
  const { bytes, view, isPresence } = readLock(context, address);
  const kind = view.getInt16(0, true);
  if (isPresence && kind === F_RDLCK && unshared.has(descriptor)) return 0;
  const result = descriptor.lockRecord(RECORD_LOCK.set, bytes);
  if (isPresence && result === 0) {
    if (kind === F_WRLCK) unshared.add(descriptor);
    else unshared.delete(descriptor);
  }
  return result;
};

/** The same, and waits for the others. */
export const waitForRecordLock = async (
  context: CallContext,
  fd: number,
  address: number,
): Promise<number> => {
  for (;;) {
    context.memory.refresh();
    const descriptor = context.fds.get(fd);
    if (descriptor === undefined) return -WASI.EBADF;
    const result = setRecordLock(context, descriptor, address);
    if (result !== -WASI.EAGAIN && result !== -WASI.EACCES) return result;
    const ends = {
      deadline: performance.now() + LOCK_PATIENCE_MS,
      late: 0,
      interrupted: -WASI.EINTR,
    };
    const end = await context.threads.wait<number>(ends, () => () => {});
    if (end !== 0) return end;
  }
};
