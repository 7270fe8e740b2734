/** mount(2), umount2(2) and flock(2): what it takes to give a namespace a name in the file system. */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { check, libc, SystemCallError } from './libc.ts';

/** Flags of sys/mount.h. */
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x100000;
const MNT_DETACH = 2;
/** sys/file.h */
const LOCK_EX = 2;

const native = {
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, uint64_t flags, const void *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  flock: libc.func('int flock(int fd, int operation)'),
};

/** Makes `source` appear at `target`, which must exist. */
export const bindMount = (source: string, target: string): void => {
  check('mount', native.mount(source, target, 'none', MS_BIND, null));
};

/**
 * Makes a directory a mount of its own whose mounts are seen in other mount namespaces too. Idempotent,
 * also when several processes do it at once.
 */
export const shareMountsBelow = (directory: string): void => {
  if (makeShared(directory)) return;
  const lock = openSync(directory, 'r');
  try {
    check('flock', native.flock(lock, LOCK_EX));
    if (makeShared(directory)) return;
    check('mount', native.mount(directory, directory, 'none', MS_BIND | MS_REC, null));
    makeShared(directory);
  } finally {
    closeSync(lock);
  }
};

/** False when the directory is not a mount yet (`EINVAL`). */
const makeShared = (directory: string): boolean => {
  if (native.mount('', directory, 'none', MS_SHARED | MS_REC, null) === 0) return true;
  const failure = new SystemCallError('mount');
  if (failure.errno === constants.errno.EINVAL) return false;
  throw failure;
};

/** Takes a mount away at once, even while it is used; a target that is no mount or not there is fine. */
export const detachMount = (target: string): void => {
  if (native.umount2(target, MNT_DETACH) === 0) return;
  const failure = new SystemCallError('umount2');
  const { EINVAL, ENOENT } = constants.errno;
  if (failure.errno !== EINVAL && failure.errno !== ENOENT) throw failure;
};
