/** A directory as one compressed file: the data directory as initdb leaves it, made once, by the build. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

interface Entry {
  /** From the directory on. */
  readonly path: string;
  /** In bytes; of a directory there is none. */
  readonly size?: number;
}

/** A number of 32 bits: how long the list of entries is, which comes first. */
const HEAD = 4;

export const packDirectory = (directory: string): Buffer => {
  const entries: Entry[] = [];
  const contents: Buffer[] = [];
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = join(directory, path);
    if (statSync(file).isDirectory()) {
      entries.push({ path });
      continue;
    }
    const content = readFileSync(file);
    entries.push({ path, size: content.length });
    contents.push(content);
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
  let at = HEAD + bytes.readUInt32LE(0);
  for (const { path, size } of JSON.parse(bytes.toString('utf8', HEAD, at)) as Entry[]) {
    const content = size === undefined ? undefined : bytes.subarray(at, at + size);
    at += size ?? 0;
    yield { path, content };
  }
};
