/**
 * A directory as one compressed file: the data directory as initdb leaves it, made once, by the build. Most of its files are
 * there three times, in each of its databases, and here once: there is less to decompress.
 */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

interface Entry {
  /** From the directory on. */
  readonly path: string;
  /** Where its content begins, and how long it is, in bytes; of a directory there is none. */
  readonly start?: number;
  readonly size?: number;
}

/** A number of 32 bits: how long the list of entries is, which comes first. */
const HEAD = 4;

export const packDirectory = (directory: string): Buffer => {
  const entries: Entry[] = [];
  const contents: Buffer[] = [];
  const starts = new Map<string, number>();
  let end = 0;
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = join(directory, path);
    if (statSync(file).isDirectory()) {
      entries.push({ path });
      continue;
    }
    const content = readFileSync(file);
    const known = content.toString('latin1');
    const start = starts.get(known) ?? end;
    entries.push({ path, start, size: content.length });
    if (starts.has(known)) continue;
    starts.set(known, start);
    contents.push(content);
    end += content.length;
  }
  const list = Buffer.from(JSON.stringify(entries));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(list.length);
  return zstdCompressSync(Buffer.concat([head, list, ...contents]));
};

export interface UnpackedEntry {
  readonly path: string;
  /** Undefined for a directory. */
  readonly content: Uint8Array | undefined;
}

/** Directories come before what is in them. */
export const unpackDirectory = function* (archive: Uint8Array): Generator<UnpackedEntry> {
  const bytes = zstdDecompressSync(archive);
  const begin = HEAD + bytes.readUInt32LE(0);
  for (const { path, start = 0, size } of JSON.parse(bytes.toString('utf8', HEAD, begin)) as Entry[]) {
    const at = begin + start;
    yield { path, content: size === undefined ? undefined : bytes.subarray(at, at + size) };
  }
};
