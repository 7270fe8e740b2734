/** Opens what the guest finds already open: directories of the host, and in-memory file systems. */
import { closeSync, constants, fchownSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { WasmrunError } from '../errors.ts';
import { SystemCallError, libc } from '../os/libc.ts';
import type { Descriptor } from './descriptor.ts';
import type { Identity } from './harden.ts';
import { HostDirectory } from './host-directory.ts';
import { toCString } from './host-path.ts';
import { O } from './open-flags.ts';
import { MemoryDirectory } from './memory-files.ts';
import { MemoryStore, readMemoryFileSystem } from './memory-store.ts';
import type { DirectoryMount } from './messages.ts';
import type { Poller } from './poll.ts';

const open: (path: Buffer, flags: number) => number = libc.func('int open(void *, int)');

/**
 * Opens the mounted directories, in order, while the engine still may. Throws MOUNT_FAILED.
 * @param user - who the engine will be; absent: who it is
 */
export const openDirectories = (
  mounts: readonly DirectoryMount[],
  poller: Poller,
  user?: Identity,
): readonly Descriptor[] =>
  mounts.map(({ hostPath, guestPath, readOnly, isMade = false }) => {
    if (isMade) makePrivateDirectory(hostPath, user);
    const path = toCString(Buffer.from(hostPath));
    const fd = path === undefined ? -1 : open(path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    if (fd < 0) {
      const { code } = new SystemCallError('open');
      throw new WasmrunError('MOUNT_FAILED', `cannot mount ${hostPath} at ${guestPath}: ${code}`, {
        hint: isMade
          ? 'Its place is to be a directory, or to have one in which it can be made.'
          : 'Name an existing directory: --dir HOST[:GUEST[:ro]].',
      });
    }
    const directory = new HostDirectory(fd, poller, readOnly);
    directory.preopenPath = guestPath;
    return directory;
  });

const PRIVATE = 0o700;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Whoever owns the place may move names there meanwhile: what is given away is what was made, and nothing else. */
const makePrivateDirectory = (path: string, user: Identity | undefined): void => {
  try {
    const parent = openSync(dirname(path), O_RDONLY | O_DIRECTORY);
    const made = `/proc/self/fd/${parent}/${basename(path)}`;
    try {
      mkdirSync(made, { mode: PRIVATE });
      const fd = openSync(made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      if (user !== undefined && fstatSync(fd).uid === process.geteuid?.()) fchownSync(fd, user.uid, user.gid);
      closeSync(fd);
    } finally {
      closeSync(parent);
    }
  } catch {
    // It is there already, or opening it tells why it is not.
  }
};

/** Device numbers of the in-memory file systems, apart from any of the host's. */
const FIRST_DEVICE = 1n << 32n;

/** One empty in-memory file system per guest path. */
export const openMemoryFileSystems = (guestPaths: readonly string[]): readonly Descriptor[] => {
  if (guestPaths.length === 0) return [];
  const make = readMemoryFileSystem();
  return guestPaths.map((guestPath, index) => {
    const store = new MemoryStore(make, FIRST_DEVICE + BigInt(index));
    const directory = new MemoryDirectory(store, store.root);
    directory.preopenPath = guestPath;
    return directory;
  });
};
