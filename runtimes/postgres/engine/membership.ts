/**
 * How a backend becomes one of several.
 *
 * PostgreSQL's processes share memory because a postmaster makes it and then forks. WebAssembly cannot fork. But a backend
 * that starts in single-user mode makes all that the postmaster makes, and makes it alike: the same things at the same
 * addresses, for the module and its settings are the same. So each backend starts alone, and when it has made its shared
 * memory and not looked at it yet, that is replaced by the pages that all share. From there on it is a child of a
 * postmaster: it takes a process entry of its own, finds everybody's locks, buffers and transactions, and leaves out what
 * only the first one does (recovery of the log).
 *
 * These moments are known by the system calls that PostgreSQL makes there, in the order of PostgresSingleUserMain
 * (src/backend/tcop/postgres.c) and InitPostgres (src/backend/utils/init/postinit.c).
 */
import type { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { BackendExports } from './backend-exports.ts';
import { SharedPages } from './shared-pages.ts';
import type { SharedSegments } from './shared-segments.ts';
import { EXIT_INDEXES } from './static-variables.ts';

/** src/include/storage/pg_shmem.h: `PGShmemMagic`, and where the whole size stands in `PGShmemHeader`. */
const HEADER_MAGIC = 679_834_894;
const SIZE_OFFSET = 8;
/** Emscripten's mmap(2) gives whole pages of WebAssembly. */
const PAGE = 65_536;
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

/** src/include/pgstat.h: `PG_STAT_TMP_DIR`. */
const STATISTICS = 'pg_stat_tmp/';

/** What the backends of a server have in common. */
export interface SharedMemory {
  readonly address: number;
  readonly pages: SharedPages;
}

/** What a backend's start is changed through. */
export interface MemberState {
  readonly memory: GuestMemory;
  readonly exports: BackendExports;
}

/** Finds the shared memory that a backend has made. */
const findRegion = ({ view, bytes }: GuestMemory): { address: number; size: number } => {
  for (let address = PAGE; address < bytes.length; address += PAGE / 16) {
    if (view.getInt32(address, true) !== HEADER_MAGIC) continue;
    return { address, size: view.getUint32(address + SIZE_OFFSET, true) };
  }
  throw new Error('PostgreSQL has made no shared memory');
};

/** What the first backend has made is everybody's from now on. */
export const shareMemory = ({ memory }: Pick<MemberState, 'memory'>): SharedMemory => {
  memory.refresh();
  const { address, size } = findRegion(memory);
  const pages = new SharedPages();
  pages.copyFrom(memory, address, size);
  pages.mapInto(memory, address);
  return { address, pages };
};

type Phase = 'alone' | 'joined' | 'identified' | 'started';

/** The start of every backend but the first. */
export class Membership {
  readonly #shared: SharedMemory;
  readonly #segments: SharedSegments;
  readonly #state: () => MemberState;
  #phase: Phase = 'alone';
  /** Where it has mapped the control segment of its own. */
  #controlAddress = 0;

  /** @param segments - those of all */
  constructor(shared: SharedMemory, segments: SharedSegments, state: () => MemberState) {
    this.#shared = shared;
    this.#segments = segments;
    this.#state = state;
  }

  /** The first segment it maps is the one that it has just made to keep the others in. */
  onMap(address: number): void {
    if (this.#controlAddress === 0) this.#controlAddress = address;
  }

  /** set_max_safe_fds() duplicates descriptors, after the shared memory has been made and before InitProcess(). */
  onDuplicate(): boolean {
    if (this.#phase !== 'alone') return false;
    this.#phase = 'joined';
    const { memory, exports } = this.#state();
    const { address, size } = findRegion(memory);
    if (address !== this.#shared.address || size !== this.#shared.pages.size) {
      throw new Error('the shared memory of this backend would be another one: were settings changed?');
    }
    this.#shared.pages.mapInto(memory, address);
    this.#segments.control.mapInto(memory, this.#controlAddress);
    memory.view.setUint8(exports.IsUnderPostmaster.value, 1);
    // It is to write down itself which files it has to bring to disk (sync.c, InitSync).
    memory.view.setInt32(exports.MyBackendType.value, CHECKPOINTER, true);
    // As on_exit_reset() does after a fork: what it has made alone is not to be undone.
    for (const index of EXIT_INDEXES) memory.view.setInt32(index, 0, true);
    return true;
  }

  /** RelationCacheInitializePhase2() reads a file, before it is decided who the user is: as for a background worker, by name. */
  onOpen(path: string): void {
    if (this.#phase !== 'joined' || !path.endsWith(SHARED_CATALOGUES)) return;
    this.#phase = 'identified';
    this.#setType(BACKGROUND_WORKER);
  }

  /** What preloaded modules make anew beside the shared memory (pg_stat_statements.c) is there, as that is. */
  keeps(path: string): boolean {
    return this.#phase === 'alone' && path.startsWith(STATISTICS);
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
    const { address, pages } = this.#shared;
    const index = memory.bytes.subarray(address, address + pages.size);
    const entry = address + Buffer.from(index.buffer, index.byteOffset, index.length).indexOf(STATUS_ARRAY);
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
