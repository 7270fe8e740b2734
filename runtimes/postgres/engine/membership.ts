/**
 * How a backend becomes one of several.
 *
 * PostgreSQL's processes share memory because a postmaster makes it and then forks. Here the first backend makes all that the
 * postmaster makes, and each other one begins as a copy of it (backend-image.ts), with the pages that all share in place of
 * those that the first one made. From there on it is a child of a postmaster: it takes a process entry of its own, finds
 * everybody's locks, buffers and transactions, and leaves out what only the first one does (recovery of the log).
 *
 * It still starts as in single-user mode, which knows no user but its own. The moments when it is somebody else are known by
 * the system calls that PostgreSQL makes there, in the order of InitPostgres (src/backend/utils/init/postinit.c).
 */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import type { BackendImage, CopyTarget } from './backend-image.ts';
import type { LogStream } from './log-stream.ts';
import type { Machine } from './machine.ts';
import { SharedPages } from './shared-pages.ts';
import type { SharedSegments } from './shared-segments.ts';
import { EXIT_INDEXES } from './static-variables.ts';

/** src/include/miscadmin.h, `BackendType` */
const BACKEND = 1;
const BACKGROUND_WORKER = 5;
const CHECKPOINTER = 11;
/** `PGPROC` of src/include/storage/proc.h: `isRegularBackend`. */
const IS_REGULAR_BACKEND = 72;
/** `ShmemIndexEnt` of src/backend/storage/ipc/shmem.c: a name of so many bytes, then address and size. */
const INDEX_KEY_SIZE = 48;
const STATUS_ARRAY = 'Backend Status Array\0';
/** src/include/utils/relcache.h: `RELCACHE_INIT_FILENAME` of the catalogues that all databases share. */
const SHARED_CATALOGUES = 'global/pg_internal.init';
/** `Latch` of src/include/storage/latch.h: whose it is. */
const LATCH_OWNER = 12;
/** src/include/utils/guc.h: `PGC_SIGHUP`. */
const RELOAD = 2;

/** What the backends of a server have in common. */
export interface SharedMemory extends Disposable {
  readonly image: BackendImage;
  readonly pages: SharedPages;
  /** Address of the entry of the backends' states in the index of what is there. */
  readonly statusEntry: number;
}

/** What a backend's start is changed through. */
export interface MemberState {
  readonly memory: GuestMemory;
  readonly exports: BackendExports;
}

/**
 * What the first backend has made is everybody's from now on.
 * @param image - of that backend
 */
export const shareMemory = (memory: GuestMemory, image: BackendImage): SharedMemory => {
  memory.refresh();
  const { address, length } = image.shared;
  const pages = new SharedPages();
  pages.resize(length);
  pages.copyFrom(memory, address, length);
  pages.mapInto(memory, address);
  const { buffer } = memory.bytes;
  const statusEntry = address + Buffer.from(buffer, address, length).indexOf(STATUS_ARRAY);
  return {
    image,
    pages,
    statusEntry,
    [Symbol.dispose]() {
      pages[Symbol.dispose]();
      image[Symbol.dispose]();
    },
  };
};

type Phase = 'joined' | 'identified' | 'started';

export interface MembershipOptions {
  readonly pid: number;
  readonly machine: Machine;
  readonly shared: SharedMemory;
  /** Dynamic shared memory, of all. */
  readonly segments: SharedSegments;
  readonly stderr: LogStream;
}

/** The start of every backend but the first. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #state: () => MemberState;
  #phase: Phase = 'joined';

  constructor(options: MembershipOptions, state: () => MemberState) {
    this.#options = options;
    this.#state = state;
  }

  /** Becomes a copy of the first backend as it was before it was a process, and is to be a process of its own. */
  join(target: CopyTarget): void {
    const { pid, machine, shared, segments, stderr } = this.#options;
    const { image, pages } = shared;
    const { memory, exports } = this.#state();
    machine.copy(() => {
      image.mapInto(memory);
      pages.mapInto(memory, image.shared.address);
      segments.control.mapInto(memory, image.controlAddress);
    });
    image.continueIn(target);
    memory.view.setInt32(exports.MyProcPid.value, pid, true);
    memory.view.setInt32(memory.view.getUint32(exports.MyLatch.value, true) + LATCH_OWNER, pid, true);
    exports.InitProcessGlobals();
    // As a postmaster, which takes what its children are to have. What cannot be taken it would log, for every session anew.
    if (image.settings.haveChanged) stderr.silently(() => exports.ProcessConfigFile(RELOAD));
    memory.refresh();
    memory.view.setUint8(exports.IsUnderPostmaster.value, 1);
    // It is to write down itself which files it has to bring to disk (sync.c, InitSync).
    this.#setType(CHECKPOINTER);
    // As on_exit_reset() does after a fork: what the first one has made is not to be undone.
    for (const index of EXIT_INDEXES) memory.view.setInt32(index, 0, true);
  }

  /** RelationCacheInitializePhase2() reads a file, before it is decided who the user is: as for a background worker, by name. */
  onOpen(path: string): void {
    if (this.#phase !== 'joined' || !path.endsWith(SHARED_CATALOGUES)) return;
    this.#phase = 'identified';
    this.#setType(BACKGROUND_WORKER);
  }

  /** The database's directory is looked for, before it is decided whether the user may connect. */
  onAccess(): void {
    if (this.#phase !== 'identified') return;
    this.#phase = 'started';
    this.#setType(BACKEND);
    const { memory, exports } = this.#state();
    const process = memory.view.getUint32(exports.MyProc.value, true);
    memory.view.setUint8(process + IS_REGULAR_BACKEND, 1);
    this.#correctStatus(memory, memory.view.getInt32(exports.MyProcPid.value, true));
  }

  /** What others are shown of it was written when it passed for a checkpointer. */
  #correctStatus(memory: GuestMemory, pid: number): void {
    const entry = this.#options.shared.statusEntry;
    const array = memory.view.getUint32(entry + INDEX_KEY_SIZE, true);
    const end = array + memory.view.getUint32(entry + INDEX_KEY_SIZE + 4, true);
    for (let at = array; at < end; at += 4) {
      const isOwn =
        memory.view.getInt32(at, true) === pid && memory.view.getInt32(at + 4, true) === CHECKPOINTER;
      if (isOwn) memory.view.setInt32(at + 4, BACKEND, true);
    }
  }

  #setType(type: number): void {
    const { memory, exports } = this.#state();
    memory.view.setInt32(exports.MyBackendType.value, type, true);
  }
}
