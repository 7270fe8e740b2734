/**
 * The guest's memory as the engine's descriptors want it: one buffer at a time, at an address of the guest. Reads go to
 * a place of their own.
 */
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { Bridge } from './bridge.ts';
import { BytesInMemory } from './values.ts';

/** What libuv suggests for a read, in bytes (uv__read in unix/stream.c). */
const TRANSFER_SIZE = 65_536;

export class TransferMemory extends GuestMemory {
  readonly transferSize = TRANSFER_SIZE;
  readonly #bridge: Bridge;
  /** Where reads go, and what waited for being written. */
  readonly #staging: number;

  constructor(bridge: Bridge, memory: WebAssembly.Memory) {
    super();
    this.#bridge = bridge;
    this.attach(memory);
    this.#staging = bridge.allocate(TRANSFER_SIZE);
  }

  /** The next call works on this range. */
  load(address: number, length: number): void {
    this.refresh();
    this.loadBuffer(address, length);
  }

  loadForReading(): void {
    this.load(this.#staging, TRANSFER_SIZE);
  }

  /** What was read. */
  bytesRead(length: number): BytesInMemory {
    return new BytesInMemory(this.#staging, length);
  }

  /** The same, to be looked at here; good until the guest's memory grows. */
  look({ address, length }: BytesInMemory): Uint8Array {
    this.refresh();
    return this.slice(address, length);
  }

  copy(address: number, length: number): Uint8Array {
    this.refresh();
    return this.slice(address, length).slice();
  }

  /** The address of a copy in the guest's memory that stays until the next read: of at most `transferSize` bytes. */
  stage(bytes: Uint8Array): number {
    this.refresh();
    this.bytes.set(bytes, this.#staging);
    return this.#staging;
  }

  /** Calls `action` with the address of a copy in the guest's memory. */
  with<Result>(bytes: Uint8Array, action: (address: number) => Result): Result {
    const address = this.#bridge.allocate(Math.max(1, bytes.length));
    this.refresh();
    this.bytes.set(bytes, address);
    try {
      return action(address);
    } finally {
      this.#bridge.release(address);
    }
  }
}
