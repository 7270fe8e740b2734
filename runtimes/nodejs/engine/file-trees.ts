/** What is done with more than one file or directory at a time, as node_file.cc and libuv do it. */
import { constants } from 'node:fs';
import type { Descriptor, FileStat } from '../../../src/engine/descriptor.ts';
import { FILETYPE } from '../../../src/engine/descriptor.ts';
import { WASI, toLinux } from '../../../src/engine/errno.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import { listDirectory } from '../../../src/engine/guest-file-system.ts';
import type { GuestFileSystem, GuestPath } from '../../../src/engine/guest-file-system.ts';
import { linuxResult } from '../../../src/engine/open-files.ts';

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = constants;
const CHUNK_SIZE = 256 * 1024;
const SLASH = Buffer.from('/');
const ENOENT = -toLinux(WASI.ENOENT);
const EEXIST = -toLinux(WASI.EEXIST);
const ENOTDIR = -toLinux(WASI.ENOTDIR);
const EROFS = -toLinux(WASI.EROFS);
/** Where going on one directory above is of no use. */
const FINAL = new Set([WASI.EACCES, WASI.ENOSPC, WASI.ENOTDIR, WASI.EPERM].map((code) => -toLinux(code)));

const joinPath = (directory: Buffer, name: Uint8Array): Buffer =>
  directory.length === 0 ? Buffer.from(name) : Buffer.concat([directory, SLASH, name]);

const isDirectory = (stat: FileStat | number): boolean =>
  typeof stat !== 'number' && stat.filetype === FILETYPE.directory;

/**
 * A directory with those above it that are missing.
 * @returns the first one that was made, undefined where all were there, or an errno
 */
export const makeDirectories = (
  files: GuestFileSystem,
  path: GuestPath,
  mode: number,
): Buffer | undefined | number => {
  const pending = [Buffer.from(path as string)];
  let first: Buffer | undefined;
  while (pending.length > 0) {
    const next = pending.pop()!;
    const result = files.makeDirectory(next, mode);
    if (result === 0) first ??= next;
    else if (FINAL.has(result)) return result;
    else if (result === ENOENT) {
      const slash = next.lastIndexOf(SLASH);
      if (slash <= 0) return result;
      pending.push(next, next.subarray(0, slash));
    } else {
      const stat = files.stat(next, true);
      // That nothing can be made here says more than that it is missing.
      if (typeof stat === 'number') return result === EROFS ? result : stat;
      if (!isDirectory(stat)) return result === EEXIST && pending.length > 0 ? ENOTDIR : EEXIST;
    }
  }
  return first;
};

/** A file, or a directory with all that is in it. What is gone already is no failure. */
export const removeTree = (files: GuestFileSystem, path: GuestPath): number => {
  const stat = files.stat(path, false);
  // Beneath a file there is nothing, too.
  if (stat === ENOENT || stat === ENOTDIR) return 0;
  const result = files.changeAt(path, removeFrom);
  return result === ENOENT ? 0 : result;
};

/** Works on open directories, so that a directory that is exchanged for a link meanwhile leads nowhere. */
const removeFrom = (directory: Descriptor, name: Buffer): number => {
  const unlinked = directory.unlink(name);
  if (unlinked !== -WASI.EISDIR && unlinked !== -WASI.EPERM) return unlinked;
  const opened = directory.open({
    path: name,
    followSymlinks: false,
    create: false,
    directory: true,
    exclusive: false,
    truncate: false,
    read: true,
    write: false,
    flags: 0,
  });
  if (typeof opened === 'number') return opened === -WASI.ENOTDIR ? unlinked : opened;
  try {
    const entries = listDirectory(opened);
    if (typeof entries === 'number') return entries;
    for (const entry of entries) {
      const result = removeFrom(opened, Buffer.from(entry.name));
      if (result < 0 && result !== -WASI.ENOENT) return result;
    }
  } finally {
    opened.close();
  }
  return directory.removeDirectory(name);
};

/** Contents and permission bits of a file (uv__fs_copyfile). */
export const copyFile = (files: GuestFileSystem, from: GuestPath, to: GuestPath, flags: number): number => {
  // None of the file systems here shares blocks between files, and to insist on it is to be refused.
  if ((flags & COPYFILE_FICLONE_FORCE) !== 0) return -toLinux(WASI.ENOTSUP);
  return files.using(from, O_RDONLY, 0, (source) => {
    const stat = source.stat();
    if (typeof stat === 'number') return linuxResult(stat);
    if (stat.filetype === FILETYPE.directory) return -toLinux(WASI.EISDIR);
    const create = O_WRONLY | O_CREAT | ((flags & COPYFILE_EXCL) === 0 ? 0 : O_EXCL);
    return files.using(to, create, stat.mode, (target) => {
      const there = target.stat();
      if (typeof there !== 'number' && there.dev === stat.dev && there.ino === stat.ino) return 0;
      return linuxResult(copyContents(source, target, stat.mode));
    });
  });
};

const copyContents = (source: Descriptor, target: Descriptor, mode: number): number => {
  const chunk = new GuestMemory();
  chunk.attach(new Uint8Array(CHUNK_SIZE));
  const emptied = target.setSize(0n);
  if (emptied < 0) return emptied;
  target.setMode(mode);
  for (;;) {
    chunk.loadBuffer(0, CHUNK_SIZE);
    const length = source.read(chunk);
    if (length <= 0) return length;
    for (let written = 0; written < length;) {
      chunk.loadBuffer(written, length - written);
      const result = target.write(chunk);
      if (result < 0) return result;
      written += result;
    }
  }
};

/** Everything beneath a directory, one directory after the other. */
interface Listing {
  readonly names: Buffer[];
  readonly types: number[];
  /** How many names of each of the directories, which are relative to the first. */
  readonly counts: number[];
  readonly directories: Buffer[];
}

/** Directories that symbolic links lead to are gone through too. */
export const listTree = (files: GuestFileSystem, path: GuestPath): Listing | number => {
  const base = Buffer.from(path as string);
  const listing: Listing = { names: [], types: [], counts: [], directories: [] };
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (const directory of pending) {
    const at = directory.length === 0 ? base : joinPath(base, directory);
    const entries = files.readDirectory(at);
    if (typeof entries === 'number') return entries;
    listing.counts.push(entries.length);
    listing.directories.push(directory);
    for (const { name, filetype } of entries) {
      const bytes = Buffer.from(name);
      listing.names.push(bytes);
      listing.types.push(filetype);
      const mayLead = filetype === FILETYPE.symbolicLink || filetype === FILETYPE.unknown;
      if (
        filetype === FILETYPE.directory ||
        (mayLead && isDirectory(files.stat(joinPath(at, bytes), true)))
      ) {
        pending.push(joinPath(directory, bytes));
      }
    }
  }
  return listing;
};
