/**
 * Functions of the engine for files; its halves are in engine/file-functions.ts. A result that is a negative number is
 * an error number of libuv. A path is text, or the bytes of one that is none; a position of -1 is where the descriptor
 * stands.
 */

export type FilePath = string | Uint8Array;
type FileName = string | Uint8Array;

export interface FileHost {
  /** Relative paths start there from now on; the directory's path without symbolic links. */
  changeDirectory(directory: FilePath): string | number;
  /** A descriptor; `flags` are those of open(2). */
  openFile(path: FilePath, flags: number, mode: number): number;
  closeFile(fd: number): number;
  /** How many bytes it read; 0 at the end. */
  readFile(fd: number, position: number, into: Uint8Array): number;
  /** How many bytes it wrote. */
  writeFile(fd: number, position: number, bytes: Uint8Array): number;
  writeFileText(fd: number, position: number, text: string, encoding: string): number;
  /** All that is left to read, as UTF-8. */
  readWholeText(fd: number): string | number;
  syncFile(fd: number, dataOnly: boolean): number;
  truncateFile(fd: number, size: number): number;
  /** Writes the fields of node_file.h, FsStatsOffset, 8 bytes each. */
  statFile(fd: number, isBigInt: boolean, into: Uint8Array): number;
  statPath(path: FilePath, follow: boolean, isBigInt: boolean, into: Uint8Array): number;
  /** The fields of StatFs of lib/internal/fs/utils.js. */
  statFileSystem(path: FilePath): readonly number[] | number;
  /** access(2) */
  accessPath(path: FilePath, mode: number): number;
  /** Names, sorted, and what they are (uv_dirent_type_t). */
  readDirectory(path: FilePath, asBytes: boolean): readonly [names: FileName[], types: Uint8Array] | number;
  readLink(path: FilePath, asBytes: boolean): FileName | number;
  /** Without symbolic links. */
  resolvePath(path: FilePath, asBytes: boolean): FileName | number;
  /** Names, what they are, how many of them each directory has, and the directories relative to the first. */
  listTree(
    path: FilePath,
    asBytes: boolean,
  ): readonly [names: FileName[], types: Uint8Array, counts: number[], directories: FileName[]] | number;
  /** The first of the directories it had to make; undefined where all were there. */
  makeDirectories(path: FilePath, mode: number): string | undefined | number;
  /** A file or directory with all in it; one that is missing is no failure. */
  removeTree(path: FilePath): number;
  /** `flags` are those of uv_fs_copyfile. */
  copyFile(from: FilePath, to: FilePath, flags: number): number;
  makeDirectory(path: FilePath, mode: number): number;
  removeDirectory(path: FilePath): number;
  unlinkFile(path: FilePath): number;
  renamePath(from: FilePath, to: FilePath): number;
  linkPath(from: FilePath, to: FilePath): number;
  symlinkPath(target: FilePath, path: FilePath): number;
  setOwner(path: FilePath, follow: boolean, uid: number, gid: number): number;
  setFileOwner(fd: number, uid: number, gid: number): number;
  setPathMode(path: FilePath, mode: number): number;
  setFileMode(fd: number, mode: number): number;
  /** Seconds since 1970 with a fraction; infinite: now, NaN: as it is. */
  setPathTimes(path: FilePath, follow: boolean, atime: number, mtime: number): number;
  setFileTimes(fd: number, atime: number, mtime: number): number;
}
