/**
 * Views of the guest's linear memory. A view dies when the guest grows its memory, so every host call
 * refreshes them first ({@link GuestMemory.refresh}); addresses are checked against the current size.
 */
import { koffi } from '../os/koffi.ts';
import { WASI } from './errno.ts';

/** The guest passed something no call can use, by default an address outside its memory. */
export class GuestFault extends Error {
  override readonly name = 'GuestFault';
  /** WASI errno the call answers. */
  readonly errno: number;

  constructor(errno: number = WASI.EFAULT) {
    super();
    this.errno = errno;
  }
}

/** sizeof(iovec) in wasm32: pointer and length, 4 bytes each (preview1 witx, `$iovec`). */
const IOVEC_SIZE = 8;

/** Most buffers of one call that are looked at (Linux: IOV_MAX, limits.h). */
const IOV_MAX = 1024;

/** Longest path or name the kernel takes, with its terminating NUL (limits.h). */
const PATH_MAX = 4096;

/** A WebAssembly.Memory, or a buffer of the host's that calls are to work on. */
export type MemoryBuffer = Pick<WebAssembly.Memory, 'buffer'>;

export class GuestMemory {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  words = new Int32Array(0);
  /** Host address of guest address 0. */
  base = 0;

  /** Buffers of the call being served, filled by {@link readIovecs}. */
  readonly iovPointers = new Uint32Array(IOV_MAX);
  readonly iovLengths = new Uint32Array(IOV_MAX);
  iovCount = 0;
  /** Sum of the buffers' lengths, in bytes. */
  iovTotal = 0;

  /** struct iovec[] (uio.h) with host addresses, for calls that take several buffers. */
  readonly hostIovecs = new BigUint64Array(2 * IOV_MAX);
  #memory: MemoryBuffer | undefined;
  #isShared = false;

  attach(memory: MemoryBuffer): void {
    this.#memory = memory;
    this.#isShared = !(memory.buffer instanceof ArrayBuffer);
    this.#rebind();
  }

  /** Makes the views valid again if the guest's memory grew since the last host call. */
  refresh(): void {
    // Growing detaches the old buffer: its length becomes 0 (ECMA-262, DetachArrayBuffer).
    if (this.bytes.length === 0) this.#rebind();
    // A shared one stays as it is, and only the memory itself knows better.
    else if (this.#isShared && this.#memory?.buffer.byteLength !== this.bytes.length) this.#rebind();
  }

  #rebind(): void {
    if (this.#memory === undefined) return;
    const { buffer } = this.#memory;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.words = new Int32Array(buffer);
    this.base = buffer.byteLength === 0 ? 0 : Number(koffi.address(this.bytes));
  }

  /** Host address of a guest range. Throws {@link GuestFault} if any of it lies outside. */
  address(pointer: number, length: number): number {
    if (pointer + length > this.bytes.length) throw new GuestFault();
    return this.base + pointer;
  }

  /** The guest's own bytes, not a copy. Throws {@link GuestFault} if any lie outside. */
  slice(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    if (pointer + length > this.bytes.length) throw new GuestFault();
    return this.bytes.subarray(pointer, pointer + length);
  }

  /** A copy of a path's bytes. Throws {@link GuestFault} (ENAMETOOLONG) rather than copy half the memory. */
  path(pointer: number, length: number): Buffer {
    const bytes = this.slice(pointer, length);
    if (length >= PATH_MAX) throw new GuestFault(WASI.ENAMETOOLONG);
    return Buffer.from(bytes);
  }

  /** A name as text; limited as {@link path} is. */
  text(pointer: number, length: number): string {
    return this.path(pointer, length).toString('utf8');
  }

  /** Loads an iovec array, checks every range and leaves out empty buffers. */
  readIovecs(pointer: number, count: number): void {
    const wanted = Math.min(count, IOV_MAX);
    this.iovCount = 0;
    this.iovTotal = 0;
    for (let index = 0; index < wanted; index += 1) {
      const at = pointer + index * IOVEC_SIZE;
      const buffer = this.view.getUint32(at, true);
      const length = this.view.getUint32(at + 4, true);
      if (length === 0) continue;
      if (buffer + length > this.bytes.length) throw new GuestFault();
      this.iovPointers[this.iovCount] = buffer;
      this.iovLengths[this.iovCount] = length;
      this.iovCount += 1;
      this.iovTotal += length;
    }
  }

  /** Loads one buffer, for who has no iovec array. Throws {@link GuestFault} if any of it lies outside. */
  loadBuffer(pointer: number, length: number): void {
    if (pointer + length > this.bytes.length) throw new GuestFault();
    this.iovPointers[0] = pointer;
    this.iovLengths[0] = length;
    this.iovCount = length === 0 ? 0 : 1;
    this.iovTotal = length;
  }

  /** Loads a view of this memory as the only buffer. */
  useView(view: Uint8Array): void {
    this.refresh();
    this.loadBuffer(view.byteOffset, view.length);
  }

  /** Drops the first `length` bytes of the loaded buffers. */
  skip(length: number): void {
    let left = length;
    let kept = 0;
    for (let index = 0; index < this.iovCount; index += 1) {
      const taken = Math.min(left, this.iovLengths[index]!);
      left -= taken;
      if (taken === this.iovLengths[index]) continue;
      this.iovPointers[kept] = this.iovPointers[index]! + taken;
      this.iovLengths[kept] = this.iovLengths[index]! - taken;
      kept += 1;
    }
    this.iovCount = kept;
    this.iovTotal -= length;
  }

  /** The current iovecs as struct iovec[] of host addresses; returns {@link hostIovecs}. */
  toHostIovecs(): BigUint64Array {
    for (let index = 0; index < this.iovCount; index += 1) {
      this.hostIovecs[2 * index] = BigInt(this.base + this.iovPointers[index]!);
      this.hostIovecs[2 * index + 1] = BigInt(this.iovLengths[index]!);
    }
    return this.hostIovecs;
  }
}
