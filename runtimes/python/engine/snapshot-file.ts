/**
 * The file with an app's snapshot: a header, what describes it as JSON, and those parts of the memory that are not zero,
 * one after the other, so that they can be mapped. Numbers are little-endian. A file is written once and never changed,
 * for it is the memory of whoever has it mapped; a new one is written beside it, and takes its place at the next start.
 */
import { closeSync, constants, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { mapFile } from '../../../src/os/mapped-file.ts';
import { isWrittenByUs } from '../../../src/runtime/user-cache.ts';
import type { SnapshotDescription } from './snapshot-description.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;
/** The last digit is the form's version. */
const MAGIC = Buffer.from('wasmrun python 1');
/** The magic, then four words: checksum and size of the JSON, checksum and size of the memory's parts. */
const HEADER_SIZE = MAGIC.length + 16;
/** Descriptions are some hundred KiB at most. */
const MOST_JSON = 16 * 1024 * 1024;
/** A page of WebAssembly, and as large as one of any processor's. */
const PAGE = 65_536;

/** Bytes of the memory, whole pages: address and length. */
type Run = readonly [address: number, length: number];

/** What is in a file but for the memory. */
export interface StoredSnapshot {
  readonly description: SnapshotDescription;
  readonly runs: readonly Run[];
  /** Bytes of the whole memory. */
  readonly memorySize: number;
  /** Of the parts of the memory. */
  readonly checksum: number;
  /** Where in the file the first of them is. */
  readonly position: number;
}

export class SnapshotFile {
  readonly #present: number | undefined;
  readonly #next: number | undefined;

  /**
   * Opens what there is, and what a new one would be written to: later the engine may not.
   * @param path - absolute; in a directory that belongs to the user alone
   */
  constructor(path: string) {
    const next = `${path}.next`;
    const latest = tryToOpen(next, O_RDONLY);
    if (latest !== undefined) {
      if (readHeader(latest) === undefined) rmSync(next, { force: true });
      else renameSync(next, path);
      closeSync(latest);
    }
    this.#present = tryToOpen(path, O_RDONLY);
    this.#next = tryToOpen(next, O_WRONLY | O_CREAT | O_EXCL);
  }

  /** Undefined where there is no whole snapshot. */
  describe(): StoredSnapshot | undefined {
    const fd = this.#present;
    const header = fd === undefined ? undefined : readHeader(fd);
    if (header === undefined) return undefined;
    const { jsonChecksum, jsonSize, checksum, size } = header;
    const position = firstPage(jsonSize);
    if (jsonSize > MOST_JSON || fstatSync(fd!).size !== position + size) return undefined;
    const json = Buffer.alloc(jsonSize);
    if (!readAll(fd!, json, HEADER_SIZE) || crc32(json) !== jsonChecksum) return undefined;
    const content = JSON.parse(json.toString()) as Pick<
      StoredSnapshot,
      'description' | 'runs' | 'memorySize'
    >;
    return { ...content, checksum, position };
  }

  /** Puts a snapshot into a memory that is zero and large enough. False where it is not whole: nor is the memory then. */
  load({ runs, checksum, position }: StoredSnapshot, memory: Uint8Array): boolean {
    let at = position;
    let found = 0;
    for (const [address, length] of runs) {
      const part = memory.subarray(address, address + length);
      if (part.length !== length || this.#present === undefined) return false;
      mapFile(part, this.#present, at);
      found = crc32(part, found);
      at += length;
    }
    return found === checksum;
  }

  /** Writes another one, for the next start; it counts only once all of it is there. */
  store(description: SnapshotDescription, memory: Uint8Array): void {
    const fd = this.#next;
    if (fd === undefined) return;
    const runs = findRuns(memory);
    const json = Buffer.from(JSON.stringify({ description, runs, memorySize: memory.length }));
    writeAll(fd, json, HEADER_SIZE);
    const position = firstPage(json.length);
    let at = position;
    let checksum = 0;
    for (const [address, length] of runs) {
      const part = memory.subarray(address, address + length);
      checksum = crc32(part, checksum);
      writeAll(fd, part, at);
      at += length;
    }
    const header = Buffer.alloc(HEADER_SIZE);
    MAGIC.copy(header);
    for (const [index, word] of [crc32(json), json.length, checksum, at - position].entries()) {
      header.writeUInt32LE(word, MAGIC.length + 4 * index);
    }
    writeAll(fd, header, 0);
  }

  close(): void {
    for (const fd of [this.#present, this.#next]) if (fd !== undefined) closeSync(fd);
  }
}

/** Undefined where there is none that belongs to this user alone, or it may not be made. */
const tryToOpen = (path: string, flags: number): number | undefined => {
  let fd: number;
  try {
    fd = openSync(path, flags | O_NOFOLLOW, 0o600);
  } catch {
    return undefined;
  }
  if (isWrittenByUs(fstatSync(fd))) return fd;
  closeSync(fd);
  return undefined;
};

interface Header {
  readonly jsonChecksum: number;
  readonly jsonSize: number;
  readonly checksum: number;
  readonly size: number;
}

const readHeader = (fd: number): Header | undefined => {
  const header = Buffer.alloc(HEADER_SIZE);
  if (!readAll(fd, header, 0) || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const word = (index: number): number => header.readUInt32LE(MAGIC.length + 4 * index);
  return { jsonChecksum: word(0), jsonSize: word(1), checksum: word(2), size: word(3) };
};

/** Where the memory begins, behind header and JSON. */
const firstPage = (jsonSize: number): number => Math.ceil((HEADER_SIZE + jsonSize) / PAGE) * PAGE;

const ZERO = Buffer.alloc(PAGE);

/** Parts of a memory that are not zero. */
const findRuns = (memory: Uint8Array): Run[] => {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
  const runs: [number, number][] = [];
  for (let start = 0; start < bytes.length; start += PAGE) {
    if (bytes.subarray(start, start + PAGE).equals(ZERO)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === start) last[1] += PAGE;
    else runs.push([start, PAGE]);
  }
  return runs;
};

const readAll = (fd: number, target: Uint8Array, position: number): boolean => {
  let filled = 0;
  while (filled < target.length) {
    const length = readSync(fd, target, filled, target.length - filled, position + filled);
    if (length === 0) return false;
    filled += length;
  }
  return true;
};

const writeAll = (fd: number, source: Uint8Array, position: number): void => {
  let written = 0;
  while (written < source.length) {
    written += writeSync(fd, source, written, source.length - written, position + written);
  }
};
