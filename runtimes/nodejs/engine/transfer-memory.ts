/**
 * The guest's memory as the engine's descriptors want it: one buffer at a time, at an address of the guest. Reads go to
 * a place of their own.
 */
import { GuestMemory } from '../../../src/engine/guest-memory.ts';
import type { Bridge } from './bridge.ts';

/** What libuv suggests for a read, in bytes (uv__read in unix/stream.c). */
const READ_SIZE = 65_536;

export class TransferMemory extends GuestMemory {
  readonly readSize = READ_SIZE;
  readonly #bridge: Bridge;
  /** Where reads go. */
  readonly readAddress: number;

  constructor(bridge: Bridge, memory: WebAssembly.Memory) {
    super();
    this.#bridge = bridge;
    this.attach(memory);
    this.readAddress = bridge.allocate(READ_SIZE);
  }

  /** The next call works on this range. */
  load(address: number, length: number): void {
    this.refresh();
    this.loadBuffer(address, length);
  }

  loadForReading(): void {
    this.load(this.readAddress, READ_SIZE);
  }

  /** What was read. */
  readBytes(length: number): Uint8Array {
    this.refresh();
    return this.slice(this.readAddress, length);
  }

  copy(address: number, length: number): Uint8Array {
    this.refresh();
    return Uint8Array.from(this.slice(address, length));
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
