/**
 * What a backend is when its shared memory is made and it is nobody's session yet: where a postmaster would fork. WebAssembly
 * cannot fork, for nobody can copy a stack; but at this point nothing on the stack is needed any more (rewrite/fork-point.ts).
 * So a copy of the memory is all there is to it, and the other backends begin with that: pages of one file in memory, which
 * the kernel copies for whoever writes to them.
 */
import type { FdTable } from '../../../src/engine/fd-table.ts';
import type { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { LinkStep } from './dynamic-libraries.ts';
import { SelfPipe } from './self-pipe.ts';
import type { SettingsFiles } from './settings-files.ts';
import { PAGE, SharedPages, wholePages } from './shared-pages.ts';
import type { Range } from './shared-pages.ts';
import { DATA_END, HEAP } from './static-variables.ts';

/** src/include/storage/pg_shmem.h: `PGShmemMagic`, and where the whole size stands in `PGShmemHeader`. */
const HEADER_MAGIC = 679_834_894;
const SIZE_OFFSET = 8;
/** A process has these, and its pipe to itself. */
const STREAMS = 3;

export interface CopyTarget {
  readonly stackPointer: WebAssembly.Global;
  readonly fds: FdTable;
  readonly files: GuestFileSystem;
}

/** What is copied of a backend. */
export interface ImageSource extends CopyTarget {
  readonly memory: GuestMemory;
  readonly settings: SettingsFiles;
  /** What it has loaded. */
  readonly libraries: readonly LinkStep[];
  /** Where it has mapped the control segment of dynamic shared memory. */
  readonly control: Range;
}

/** Finds the shared memory that a backend has made. */
const findShared = ({ view, bytes }: GuestMemory): Range => {
  // Emscripten's mmap(2) gives whole pages of WebAssembly.
  for (let address = wholePages(HEAP.start); address < bytes.length; address += PAGE) {
    if (view.getInt32(address, true) !== HEADER_MAGIC) continue;
    return { address, length: view.getUint32(address + SIZE_OFFSET, true) };
  }
  throw new Error('PostgreSQL has made no shared memory');
};

/** Whole pages up to an address. */
const pagesFrom = (start: number, end: number): Range => {
  const address = start - (start % PAGE);
  return { address, length: wholePages(end) - address };
};

export class BackendImage implements Disposable {
  /** Where all have the shared memory, which is not in the image. */
  readonly shared: Range;
  readonly controlAddress: number;
  /** What had been loaded. */
  readonly libraries: readonly LinkStep[];
  /** What settings were read from. */
  readonly settings: SettingsFiles;
  /** Of WebAssembly. */
  readonly memoryPages: number;
  readonly end: number;
  readonly #pages = new SharedPages();
  readonly #ranges: readonly Range[];
  readonly #stackPointer: number;
  readonly #directory: string;
  readonly #pipe: readonly [input: number, output: number];

  /** @throws {Error} where it has something that cannot be copied */
  constructor({ memory, stackPointer, fds, files, settings, libraries, control }: ImageSource) {
    memory.refresh();
    const shared = findShared(memory);
    this.shared = shared;
    this.controlAddress = control.address;
    this.libraries = [...libraries];
    this.settings = settings;
    this.memoryPages = memory.bytes.length / PAGE;
    this.#stackPointer = stackPointer.value;
    this.#directory = files.currentDirectory;
    this.#pipe = findPipe(fds);
    const heapEnd = memory.view.getUint32(HEAP.end, true);
    this.#ranges = [
      pagesFrom(0, DATA_END),
      // The stack grows down: nothing below is in use.
      pagesFrom(stackPointer.value, shared.address),
      pagesFrom(shared.address + shared.length, control.address),
      pagesFrom(control.address + wholePages(control.length), heapEnd),
    ];
    this.#pages.resize(heapEnd);
    for (const { address, length } of this.#ranges) this.#pages.copyFrom(memory, address, length, address);
    this.end = wholePages(heapEnd);
  }

  /** Gives a memory copies of this one's pages, but for the shared ones. */
  mapInto(memory: GuestMemory): void {
    for (const { address, length } of this.#ranges) this.#pages.mapCopyInto(memory, address, length);
  }

  /** Gives a backend that has nothing but its standard streams and its memory yet the rest. */
  continueIn({ stackPointer, fds, files }: CopyTarget): void {
    stackPointer.value = this.#stackPointer;
    files.changeDirectory(this.#directory);
    for (const [index, end] of SelfPipe.pipe().entries()) {
      if (fds.add(end) !== this.#pipe[index]) throw new Error('descriptors of a backend are not as expected');
    }
  }

  [Symbol.dispose](): void {
    this.#pages[Symbol.dispose]();
  }
}

/** The numbers of the pipe, which is all that is open. */
const findPipe = (fds: FdTable): [number, number] => {
  const [input, output] = [STREAMS, STREAMS + 1];
  const isPipe = [input, output].every((fd) => fds.get(fd) instanceof SelfPipe);
  if (!isPipe || fds.get(output + 1) !== undefined)
    throw new Error('a backend has something else open than is expected');
  return [input, output];
};
