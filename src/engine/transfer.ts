/** Moves bytes between a host descriptor and the guest buffers loaded as iovecs: one copy, by the kernel. */
import type { GuestMemory } from './guest-memory.ts';
import { pread, preadv, pwrite, pwritev, read, readv, write, writev } from './libc.ts';

/** read(2) into the loaded buffers; one buffer, the common case, needs no struct iovec. -1 on failure. */
export const readInto = (hostFd: number, memory: GuestMemory): number =>
  memory.iovCount === 1
    ? read(hostFd, memory.base + memory.iovPointers[0]!, memory.iovLengths[0]!)
    : readv(hostFd, memory.toHostIovecs(), memory.iovCount);

/** pread(2) into the loaded buffers. -1 on failure. */
export const readAt = (hostFd: number, memory: GuestMemory, offset: bigint): number =>
  memory.iovCount === 1
    ? pread(hostFd, memory.base + memory.iovPointers[0]!, memory.iovLengths[0]!, offset)
    : preadv(hostFd, memory.toHostIovecs(), memory.iovCount, offset);

/** pwrite(2) of the loaded buffers. -1 on failure. */
export const writeAt = (hostFd: number, memory: GuestMemory, offset: bigint): number =>
  memory.iovCount === 1
    ? pwrite(hostFd, memory.base + memory.iovPointers[0]!, memory.iovLengths[0]!, offset)
    : pwritev(hostFd, memory.toHostIovecs(), memory.iovCount, offset);

/** write(2) of the loaded buffers. -1 on failure. */
export const writeFrom = (hostFd: number, memory: GuestMemory): number =>
  memory.iovCount === 1
    ? write(hostFd, memory.base + memory.iovPointers[0]!, memory.iovLengths[0]!)
    : writev(hostFd, memory.toHostIovecs(), memory.iovCount);
