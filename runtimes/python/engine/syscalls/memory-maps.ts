/**
 * Files as memory (mmap(2)): copies, which are written back where they are changed for all to see. So this is refused for
 * files that others may have open as well: they would not see each other's changes. What SQLite has beside a write-ahead log
 * is had by one process alone (record-locks.ts).
 */
import type { Descriptor } from '../../../../src/engine/descriptor.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import type { InterpreterExports } from '../interpreter-exports.ts';
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import type { CallContext } from './calls.ts';

/** sys/mman.h */
const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** Bytes: WebAssembly's pages, as Emscripten says. */
const PAGE = 65_536;

interface MemoryMap {
  readonly descriptor: Descriptor;
  readonly offset: bigint;
}

export const memoryMapCalls = (
  { memory, fds, unshared }: CallContext,
  exports: () => InterpreterExports,
): Record<string, Call> => {
  /** Those to be written back, by address. */
  const changed = new Map<number, MemoryMap>();
  const writeBack = (address: number, length: number): number => {
    const map = changed.get(address);
    if (map === undefined) return 0;
    const { descriptor, offset } = map;
    const found = descriptor.stat();
    // A file does not grow by that.
    const room = typeof found === 'number' ? 0 : Number(found.size - offset);
    memory.loadBuffer(address, Math.max(0, Math.min(length, room)));
    return Math.min(0, descriptor.pwrite(memory, offset));
  };
  return {
    _mmap_js: (
      length: number,
      protection: number,
      flags: number,
      fd: number,
      offset: bigint,
      allocated: number,
      result: number,
    ) => {
      const descriptor = fds.get(fd);
      if (descriptor === undefined) return -WASI.EBADF;
      const isWrittenBack = (flags & MAP_SHARED) !== 0 && (protection & PROT_WRITE) !== 0;
      if (isWrittenBack && descriptor.hasOthers && !unshared.has(descriptor)) return -WASI.ENODEV;
      const address = exports().emscripten_builtin_memalign(PAGE, Math.ceil(length / PAGE) * PAGE);
      memory.refresh();
      if (address === 0) return -WASI.ENOMEM;
      memory.slice(address, length).fill(0);
      memory.loadBuffer(address, length);
      const read = descriptor.pread(memory, offset);
      if (read < 0) {
        exports().emscripten_builtin_free(address);
        return read;
      }
      if (isWrittenBack) changed.set(address, { descriptor, offset });
      memory.view.setInt32(allocated, 1, true);
      memory.view.setUint32(result, address, true);
      return 0;
    },
    _msync_js: writeBack,
    // The C library frees the memory itself.
    _munmap_js: (address: number, length: number) => {
      const written = writeBack(address, length);
      changed.delete(address);
      return written;
    },
  };
};
