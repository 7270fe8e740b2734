/**
 * Files: the engine's halves of guest/file-host.ts. A result that is a negative number is an errno of Linux; byte
 * arrays of the guest are read and written where they lie.
 */
import type { DirectoryEntry, FileStat } from '../../../src/engine/descriptor.ts';
import { FILETYPE } from '../../../src/engine/descriptor.ts';
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { Bridge, HostFunction } from './bridge.ts';
import { copyFile, listTree, makeDirectories, removeTree } from './file-trees.ts';
import type { GuestFileSystem, GuestPath } from '../../../src/engine/guest-file-system.ts';

/** Identity in the sandbox: nobody, whoever the engine runs as. */
const NOBODY = 65_534;
const NANOSECONDS = 1_000_000_000n;
const SECOND = 1e9;
/** uv.h, uv_dirent_type_t. */
const DIRENT_TYPE: Readonly<Record<number, number>> = {
  [FILETYPE.regularFile]: 1,
  [FILETYPE.directory]: 2,
  [FILETYPE.symbolicLink]: 3,
  [FILETYPE.socketStream]: 5,
  [FILETYPE.characterDevice]: 6,
  [FILETYPE.blockDevice]: 7,
};
const direntType = (filetype: number): number => DIRENT_TYPE[filetype] ?? 0;
const FIELD_SIZE = 8;

type Functions = Readonly<Record<string, HostFunction>>;

type Written = (bytes: Buffer, value: bigint, at: number) => void;
const asFloat: Written = (bytes, value, at) => void bytes.writeDoubleLE(Number(value), at);
const asBigInt: Written = (bytes, value, at) => void bytes.writeBigInt64LE(BigInt.asIntN(64, value), at);

/** Seconds and nanoseconds, the latter never negative. */
const timespec = (time: bigint): [bigint, bigint] => {
  const rest = time % NANOSECONDS;
  const nanoseconds = rest < 0n ? rest + NANOSECONDS : rest;
  return [(time - nanoseconds) / NANOSECONDS, nanoseconds];
};

/** The fields in the order of node_file.h, FsStatsOffset. */
const writeStat = (stat: FileStat | number, isBigInt: boolean, into: Buffer): number => {
  if (typeof stat === 'number') return stat;
  const write = isBigInt ? asBigInt : asFloat;
  const { dev, mode, nlink, rdev, blksize, ino, size, blocks } = stat;
  const owner = BigInt(NOBODY);
  const fields = [dev, BigInt(mode), nlink, owner, owner, rdev, blksize, ino, size, blocks];
  for (const time of [stat.atim, stat.mtim, stat.ctim, stat.birthtim]) fields.push(...timespec(time));
  for (let index = 0; index < fields.length; index += 1) write(into, fields[index]!, index * FIELD_SIZE);
  return 0;
};

/** A time in seconds, with a fraction, as libuv takes it (uv__fs_to_timespec): infinity is now, NaN leaves it alone. */
const timeOf = (seconds: number): bigint | 'now' | undefined => {
  if (Number.isNaN(seconds)) return undefined;
  if (!Number.isFinite(seconds)) return 'now';
  const whole = Math.trunc(seconds);
  return BigInt(whole) * NANOSECONDS + BigInt(Math.trunc((seconds - whole) * SECOND));
};

const timesOf = (
  atime: number,
  mtime: number,
): { atim: bigint | 'now' | undefined; mtim: bigint | 'now' | undefined } => ({
  atim: timeOf(atime),
  mtim: timeOf(mtime),
});

/** Is it who everything belongs to, or (chown(2)) to stay as it is? */
const isNobody = (id: number): boolean => id === NOBODY || id === -1 || id === 0xffff_ffff;

/** Names as text, or as their bytes. */
const nameOf = (bytes: Uint8Array, asBytes: boolean): string | Uint8Array =>
  asBytes ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();

const orErrno = <Value>(value: Uint8Array | number, use: (bytes: Uint8Array) => Value): Value | number =>
  typeof value === 'number' ? value : use(value);

const namesAndTypes = (
  entries: readonly DirectoryEntry[],
  asBytes: boolean,
): [(string | Uint8Array)[], Uint8Array] => [
  entries.map(({ name }) => nameOf(name, asBytes)),
  Uint8Array.from(entries, ({ filetype }) => direntType(filetype)),
];

/** Where the descriptor stands, unless it is told. */
const positionOf = (position: number): number | undefined => (position < 0 ? undefined : position);

/** What can be done with a descriptor. */
const descriptorFunctions = (files: GuestFileSystem, memory: GuestMemory): Functions => {
  const load = (bytes: Uint8Array): GuestMemory => {
    memory.useView(bytes);
    return memory;
  };
  return {
    openFile: (path: GuestPath, flags: number, mode: number) => files.open(path, flags, mode),
    closeFile: (fd: number) => files.openFiles.close(fd),
    readFile: (fd: number, position: number, into: Uint8Array) =>
      files.openFiles.read(fd, load(into), positionOf(position)),
    writeFile: (fd: number, position: number, bytes: Uint8Array) =>
      files.openFiles.write(fd, load(bytes), positionOf(position)),
    writeFileText: (fd: number, position: number, text: string, encoding: BufferEncoding) =>
      files.openFiles.writeBytes(fd, Buffer.from(text, encoding), positionOf(position)),
    readWholeText: (fd: number) => {
      const bytes = files.openFiles.readBytes(fd);
      return typeof bytes === 'number' ? bytes : bytes.toString();
    },
    syncFile: (fd: number, dataOnly: boolean) => files.openFiles.sync(fd, dataOnly),
    truncateFile: (fd: number, size: number) => files.openFiles.truncate(fd, size),
    statFile: (fd: number, isBigInt: boolean, into: Buffer) =>
      writeStat(files.openFiles.stat(fd), isBigInt, into),
  };
};

/** What can be done with a path. */
const pathFunctions = (files: GuestFileSystem): Functions => ({
  statPath: (path: GuestPath, follow: boolean, isBigInt: boolean, into: Buffer) =>
    writeStat(files.stat(path, follow), isBigInt, into),
  statFileSystem: (path: GuestPath) => {
    const stat = files.statFileSystem(path);
    if (typeof stat === 'number') return stat;
    const { type, blockSize, blocks, freeBlocks, availableBlocks, files: all, freeFiles } = stat;
    return [type, blockSize, blocks, freeBlocks, availableBlocks, all, freeFiles];
  },
  accessPath: (path: GuestPath, mode: number) => files.access(path, mode),
  readDirectory: (path: GuestPath, asBytes: boolean) => {
    const entries = files.readDirectory(path);
    return typeof entries === 'number' ? entries : namesAndTypes(entries, asBytes);
  },
  readLink: (path: GuestPath, asBytes: boolean) =>
    orErrno(files.readLink(path), (target) => nameOf(target, asBytes)),
  resolvePath: (path: GuestPath, asBytes: boolean) =>
    orErrno(files.realPath(path), (resolved) => nameOf(resolved, asBytes)),
  makeDirectory: (path: GuestPath, mode: number) => files.makeDirectory(path, mode),
  removeDirectory: (path: GuestPath) => files.removeDirectory(path),
  unlinkFile: (path: GuestPath) => files.unlink(path),
  renamePath: (from: GuestPath, to: GuestPath) => files.rename(from, to),
  linkPath: (from: GuestPath, to: GuestPath) => files.link(from, to),
  symlinkPath: (target: GuestPath, path: GuestPath) => files.symlink(target, path),
});

/** What is kept of a file beside its contents. */
const attributeFunctions = (files: GuestFileSystem): Functions => ({
  setPathMode: (path: GuestPath, mode: number) => files.setMode(path, mode),
  setPathTimes: (path: GuestPath, follow: boolean, atime: number, mtime: number) =>
    files.setTimes(path, follow, timesOf(atime, mtime)),
  setFileMode: (fd: number, mode: number) => files.openFiles.setMode(fd, mode),
  setFileTimes: (fd: number, atime: number, mtime: number) =>
    files.openFiles.setTimes(fd, timesOf(atime, mtime)),
  setOwner: (path: GuestPath, follow: boolean, uid: number, gid: number) =>
    files.setOwner(path, follow, isNobody(uid) && isNobody(gid)),
  setFileOwner: (fd: number, uid: number, gid: number) =>
    files.openFiles.setOwner(fd, isNobody(uid) && isNobody(gid)),
});

/** What the loaders of modules ask. */
const loaderFunctions = (files: GuestFileSystem): Functions => ({
  changeDirectory: (path: GuestPath) => files.changeDirectory(path),
});

/** What works on whole trees. */
const treeFunctions = (files: GuestFileSystem): Functions => ({
  makeDirectories: (path: GuestPath, mode: number) => {
    const first = makeDirectories(files, path, mode);
    return first instanceof Uint8Array ? nameOf(first, false) : first;
  },
  removeTree: (path: GuestPath) => removeTree(files, path),
  copyFile: (from: GuestPath, to: GuestPath, flags: number) => copyFile(files, from, to, flags),
  listTree: (path: GuestPath, asBytes: boolean) => {
    const listing = listTree(files, path);
    if (typeof listing === 'number') return listing;
    return [
      listing.names.map((name) => nameOf(name, asBytes)),
      Uint8Array.from(listing.types, direntType),
      listing.counts,
      listing.directories.map((directory) => nameOf(directory, asBytes)),
    ];
  },
});

/** @param files - the directories and streams the guest finds */
export const fileFunctions = (bridge: Bridge, files: GuestFileSystem): Functions => {
  const memory = new GuestMemory();
  memory.attach(bridge.linearMemory);
  return {
    ...descriptorFunctions(files, memory),
    ...pathFunctions(files),
    ...attributeFunctions(files),
    ...treeFunctions(files),
    ...loaderFunctions(files),
  };
};
