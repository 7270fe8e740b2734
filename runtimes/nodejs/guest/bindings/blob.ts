/** `internalBinding('blob')`: bytes that do not change, in parts (node_blob.cc). */
import type { Binding } from '../binding-shape.ts';
import { SharedHandle } from '../cloning/shared-handle.ts';
import { bytesOf } from './buffer.ts';
import { lazily } from './util.ts';

/** blob.js: what `pull` says of what it brings. */
const END = 0;
const CONTINUE = 1;

type Pull = (status: number, buffer?: ArrayBuffer) => void;

/** Reads one part after the other. */
class Reader {
  readonly #parts: readonly Uint8Array[];
  #next = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
  }

  setWakeup(): void {}

  pull(callback: Pull): void {
    const part = this.#parts[this.#next];
    if (part === undefined) return callback(END);
    this.#next += 1;
    callback(CONTINUE, part.slice().buffer);
  }
}

class BlobHandle extends SharedHandle {
  readonly #parts: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[]) {
    super();
    this.#parts = parts;
  }

  static partsOf(handle: BlobHandle): readonly Uint8Array[] {
    return handle.#parts;
  }

  getReader(): Reader {
    return new Reader(this.#parts);
  }

  slice(start: number, end: number): BlobHandle {
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const part of this.#parts) {
      const from = Math.max(start - offset, 0);
      const to = Math.min(end - offset, part.length);
      if (from < to) parts.push(part.subarray(from, to));
      offset += part.length;
    }
    return new BlobHandle(parts);
  }
}

const { partsOf } = BlobHandle;

const concat = (buffers: readonly (ArrayBuffer | ArrayBufferView)[]): ArrayBuffer => {
  const parts = buffers.map((buffer) => bytesOf(buffer));
  const result = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result.buffer;
};

/** Blobs that have an address, `blob:nodedata:…`. */
const stored = new Map<string, readonly [handle: BlobHandle, type: string, length: number]>();

export const createBlobs = (): Binding => ({
  createBlob: (sources: readonly (Uint8Array | BlobHandle)[]) =>
    new BlobHandle(sources.flatMap((source) => (source instanceof BlobHandle ? partsOf(source) : [source]))),
  createBlobFromFilePath: (path: string) => {
    const { readFileSync } = lazily.requireLibrary!('fs') as unknown as typeof import('node:fs');
    try {
      const bytes = readFileSync(path);
      return [new BlobHandle([bytes]), bytes.length];
    } catch {
      return undefined;
    }
  },
  concat,
  storeDataObject: (id: string, handle: BlobHandle, length: number, type: string) =>
    void stored.set(id, [handle, type, length]),
  getDataObject: (id: string) => {
    const found = stored.get(id);
    return found === undefined ? undefined : [found[0], found[2], found[1]];
  },
  revokeObjectURL: (url: string) => void stored.delete(/^blob:nodedata:([^?#]*)/.exec(url)?.[1] ?? ''),
});
