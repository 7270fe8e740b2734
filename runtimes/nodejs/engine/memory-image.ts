/**
 * The memory of a guest in a file, in a form that becomes the memory of another one without being read: the kernel
 * maps its pages, and copies one when it is written to. A start touches a fifth of them.
 */
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import type { Snapshot } from 'quickjs-wasi';
import { mapFile } from '../../../src/os/mapped-file.ts';

/** Of WebAssembly, in bytes: the memory consists of these, and the rest of the file is less than one. */
const PAGE_SIZE = 65_536;
/** What there is to know besides the memory. */
export type GuestState = Omit<Snapshot, 'memory'>;

/** Writes a file that is not there yet, for nobody else to read. */
export const writeMemoryImage = (file: string, { memory, ...state }: Snapshot): void =>
  writeFileSync(file, Buffer.concat([memory, Buffer.from(JSON.stringify(state))]), {
    mode: 0o600,
    flag: 'wx',
  });

export class MemoryImage implements Disposable {
  readonly #fd: number;
  /** Of the memory, in bytes. */
  readonly size: number;
  readonly state: GuestState;

  /** @throws {Error} ENOENT and others of open(2) */
  constructor(file: string) {
    this.#fd = openSync(file, 'r');
    const { size } = fstatSync(this.#fd);
    this.size = size - (size % PAGE_SIZE);
    const text = Buffer.alloc(size - this.size);
    readSync(this.#fd, text, 0, text.length, this.size);
    this.state = JSON.parse(text.toString()) as GuestState;
  }

  /**
   * Puts it in the place of what a memory holds, which is at least as large. What is written to either later, the
   * other does not see; only the file must not become shorter.
   */
  become(memory: WebAssembly.Memory): void {
    const target = new Uint8Array(memory.buffer, 0, this.size);
    mapFile(target, this.#fd, 0);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
