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
/** Shortest and longest pause between attempts, in ms: locks are held for some ten milliseconds. */
const SHORTEST_PAUSE_MS = 3;
const LONGEST_PAUSE_MS = 100;

/** Locks an open file for this process without waiting; false if another open file holds the lock. */
export const tryLock = (fd: number): boolean => {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  if (errnoName(errno()) === 'EAGAIN') return false;
  throw new SystemCallError('flock');
};

/** Is told the time waited so far, in ms. */
type OnWait = (waitedMs: number) => void;

/**
 * Waits for the exclusive lock on a directory, which is made if missing (mode 0700); disposing unlocks.
 * The directory may be removed by a holder: the lock counts only if the path still leads to it.
 * @param onWait - called again and again while somebody else holds the lock, with the time waited so far in
 *   ms; throwing gives up
 */
export const lockDirectory = async (path: string, onWait?: OnWait): Promise<Disposable> => {
  const begin = performance.now();
  for (;;) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = await lockExisting(path, begin, onWait);
    // A holder may be removing it at this moment.
    if (lock !== undefined) return lock;
  }
};

/** As {@link lockDirectory}, but a directory that is missing stays so, and there is no lock. */
export const lockExistingDirectory = (path: string, onWait?: OnWait): Promise<Disposable | undefined> =>
  lockExisting(path, performance.now(), onWait);

const lockExisting = async (
  path: string,
  begin: number,
  onWait?: OnWait,
): Promise<Disposable | undefined> => {
  for (;;) {
    const fd = openIfExists(path);
    if (fd === undefined) return undefined;
    try {
      while (!tryLock(fd)) {
        const waited = performance.now() - begin;
        onWait?.(waited);
        await sleep(pauseAfter(waited));
      }
      if (leadsTo(path, fd)) return { [Symbol.dispose]: () => closeSync(fd) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
};

/**
 * Who has waited for long is one of many, and many who ask all the time would take the processor from the one
 * they wait for. No two in step: half of it is random.
 */
const pauseAfter = (waited: number): number =>
  Math.min(Math.max(waited / 10, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS) * (0.5 + Math.random());

const openIfExists = (path: string): number | undefined => {
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
