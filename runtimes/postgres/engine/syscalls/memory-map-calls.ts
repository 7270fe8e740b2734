/** Files as memory (mmap(2)): PostgreSQL maps its dynamic shared memory, and nothing else. */
import type { Call } from '../../../../src/engine/emscripten/calls.ts';
import { WASI } from '../../../../src/engine/errno.ts';
import { clear, unmapFrom } from '../shared-pages.ts';
import { SegmentFile } from '../shared-segments.ts';
import type { BackendState } from './backend-calls.ts';

/** Bytes: WebAssembly's pages, which is how Emscripten aligns what is mapped. */
const PAGE = 65_536;

/** @param onMap - told where each segment has been mapped */
export const memoryMapCalls = (
  { memory, fds, mapped, exports }: BackendState,
  onMap: (address: number) => void,
): Record<string, Call> => ({
  _mmap_js: (
    length: number,
    _protection: number,
    _flags: number,
    fd: number,
    _offset: bigint,
    allocated: number,
    result: number,
  ) => {
    const file = fds.get(fd);
    if (!(file instanceof SegmentFile)) return -WASI.ENODEV;
    const address = exports().emscripten_builtin_memalign(PAGE, Math.ceil(length / PAGE) * PAGE);
    memory.refresh();
    if (address === 0) return -WASI.ENOMEM;
    file.pages.mapInto(memory, address);
    mapped.set(address, file.pages.size);
    onMap(address);
    memory.view.setInt32(allocated, 1, true);
    memory.view.setUint32(result, address, true);
    return 0;
  },
  // Memory that is no file's arrives here before it is whose who has asked for it (rewrite/host-process.ts).
  __syscall_fchown32: (address: number, _zero: number, length: number) => {
    memory.refresh();
    clear(memory, address, length);
    return address;
  },
  // The C library frees the memory itself.
  _munmap_js: (address: number, length: number) => {
    unmapFrom(memory, address, length);
    mapped.delete(address);
    return 0;
  },
});
