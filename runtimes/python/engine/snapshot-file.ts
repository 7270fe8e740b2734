/**
 * A file with a snapshot of an interpreter: a header, what describes it as JSON, and those parts of the memory that are
 * not zero, one after the other. Numbers are little-endian.
 */
import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { SnapshotDescription } from './snapshot-description.ts';

/** The last digit is the form's version. */
const MAGIC = Buffer.from('wasmrun python 1');
/** The magic, then four words: checksum and size of the JSON, checksum and size of the memory's parts. */
const HEADER_SIZE = MAGIC.length + 16;
/** Descriptions are some hundred KiB at most. */
const MOST_JSON = 16 * 1024 * 1024;
/** Memory is looked at in pieces of so many bytes: what a processor brings in at once. */
const PIECE = 4096;

/** Bytes of the memory: address and length. */
export type Run = readonly [address: number, length: number];

export interface SnapshotContent {
  readonly description: SnapshotDescription;
  readonly runs: readonly Run[];
  /** Bytes of the whole memory. */
  readonly memorySize: number;
}

/** A snapshot in its file. */
export interface StoredSnapshot extends SnapshotContent {
  /** Of the parts of the memory. */
  readonly checksum: number;
  /** Where in the file the first of them is. */
  readonly position: number;
}

const ZERO = Buffer.alloc(PIECE);

/** Parts of a memory that are not zero. */
const findRuns = (memory: Uint8Array): Run[] => {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
  const runs: [number, number][] = [];
  for (let start = 0; start < bytes.length; start += PIECE) {
    if (bytes.subarray(start, start + PIECE).equals(ZERO)) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === start) last[1] += PIECE;
    else runs.push([start, PIECE]);
  }
  return runs;
};

export class SnapshotFile {
  readonly #fd: number;

  /** @param fd - open for reading and writing */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** What is in the file but for the memory; undefined where there is no whole snapshot. */
  describe(): StoredSnapshot | undefined {
    const header = Buffer.alloc(HEADER_SIZE);
    if (!this.#readAll(header, 0) || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
    const word = (index: number): number => header.readUInt32LE(MAGIC.length + 4 * index);
    const [jsonChecksum, jsonSize, checksum, size] = [word(0), word(1), word(2), word(3)];
    if (fstatSync(this.#fd).size !== HEADER_SIZE + jsonSize + size || jsonSize > MOST_JSON) return undefined;
    const json = Buffer.alloc(jsonSize);
    if (!this.#readAll(json, HEADER_SIZE) || crc32(json) !== jsonChecksum) return undefined;
    const content = JSON.parse(json.toString()) as SnapshotContent;
    return { ...content, checksum, position: HEADER_SIZE + jsonSize };
  }

  /** Puts a snapshot into a memory that is zero and large enough. False where it is not whole: nor is the memory then. */
  load({ runs, checksum, position }: StoredSnapshot, memory: Uint8Array): boolean {
    let at = position;
    let found = 0;
    for (const [address, length] of runs) {
      const part = memory.subarray(address, address + length);
      if (part.length !== length || !this.#readAll(part, at)) return false;
      found = crc32(part, found);
      at += length;
    }
    return found === checksum;
  }

  /** Replaces what is in the file; it counts only once all of it is there. */
  store(description: SnapshotDescription, memory: Uint8Array): void {
    ftruncateSync(this.#fd);
    const runs = findRuns(memory);
    const content: SnapshotContent = { description, runs, memorySize: memory.length };
    const json = Buffer.from(JSON.stringify(content));
    const position = HEADER_SIZE + this.#writeAll(json, HEADER_SIZE);
    let at = position;
    let checksum = 0;
    for (const [address, length] of runs) {
      const part = memory.subarray(address, address + length);
      checksum = crc32(part, checksum);
      at += this.#writeAll(part, at);
    }
    const header = Buffer.alloc(HEADER_SIZE);
    MAGIC.copy(header);
    for (const [index, word] of [crc32(json), json.length, checksum, at - position].entries()) {
      header.writeUInt32LE(word, MAGIC.length + 4 * index);
    }
    this.#writeAll(header, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #readAll(target: Uint8Array, position: number): boolean {
    let filled = 0;
    while (filled < target.length) {
      const length = readSync(this.#fd, target, filled, target.length - filled, position + filled);
      if (length === 0) return false;
      filled += length;
    }
    return true;
  }

  #writeAll(source: Uint8Array, position: number): number {
    let written = 0;
    while (written < source.length) {
      written += writeSync(this.#fd, source, written, source.length - written, position + written);
    }
    return written;
  }
}
