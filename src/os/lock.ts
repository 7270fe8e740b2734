/**
 * Advisory locks that the kernel gives back when their holder dies, however it dies: flock(2). A lock
 * belongs to the open file, which no child inherits (Node opens with O_CLOEXEC).
 */
import { closeSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemCallError, errno, errnoName, libc } from './libc.ts';

const flock: (fd: number, operation: number) => number = libc.func('int flock(int, int)');

/** sys/file.h */
const LOCK_EX = 2;
const LOCK_NB = 4;
/** Pause between attempts, in ms: locks are held for a few milliseconds. */
const RETRY_MS = 3;

/** Locks an open file for this process without waiting; false if another open file holds the lock. */
export const tryLock = (fd: number): boolean => {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  if (errnoName(errno()) === 'EAGAIN') return false;
  throw new SystemCallError('flock');
};

/**
 * Waits for the exclusive lock on a directory, which is made if missing (mode 0700); disposing unlocks.
 * The directory may be removed by a holder: the lock counts only if the path still leads to it.
 * @param onWait - called again and again while somebody else holds the lock; throwing gives up
 */
export const lockDirectory = async (path: string, onWait?: () => void): Promise<Disposable> => {
  for (;;) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const fd = openExisting(path);
    if (fd !== undefined) {
      if (tryLock(fd) && leadsTo(path, fd)) return { [Symbol.dispose]: () => closeSync(fd) };
      closeSync(fd);
    }
    onWait?.();
    await sleep(RETRY_MS);
  }
};

const openExisting = (path: string): number | undefined => {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const leadsTo = (path: string, fd: number): boolean => {
  const found = statSync(path, { throwIfNoEntry: false });
  const held = fstatSync(fd);
  return found !== undefined && found.ino === held.ino && found.dev === held.dev;
};
