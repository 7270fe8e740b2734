/**
 * A stream of the guest: a connection or a standard stream, read and written without blocking. What could not be
 * written at once waits here, so that the guest goes on.
 */
import { ERRNO } from '../guest/errno.ts';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import { WASI } from '../../../src/engine/errno.ts';
import type { EventPoll, Watch } from '../../../src/engine/event-poll.ts';
import { POLLIN, POLLOUT } from '../../../src/engine/poll-events.ts';
import type { StreamSocket } from '../../../src/engine/sockets.ts';
import { OpenHandle } from './handle-table.ts';
import type { HandleTable } from './handle-table.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { TransferMemory } from './transfer-memory.ts';
import { toUv } from './uv-error.ts';

/** What is told to the guest of a stream. */
export interface StreamEvents {
  /** `length` bytes have been read to where reads go. */
  data(stream: Stream, length: number): void;
  readError(id: number, status: number): void;
  written(id: number, status: number): void;
  shutDown(id: number, status: number): void;
}

export interface StreamOptions {
  readonly table: HandleTable;
  readonly events: EventPoll;
  readonly memory: TransferMemory;
  readonly guest: StreamEvents;
  /** For what waits to be written. */
  readonly budget: MemoryBudget;
}

const SHUT_WR = 1;
/** Bytes that a write is counted as besides its own. */
const PENDING_SIZE = 256;
/** Reads of one stream before others have their turn. */
const READS_PER_EVENT = 4;

export class Stream extends OpenHandle {
  readonly descriptor: Descriptor;
  /** The same, where it is a connection. */
  readonly socket: StreamSocket | undefined;
  /** The parser that gets what is read; 0: the guest itself. */
  parser = 0;
  readonly #options: StreamOptions;
  #watch: Watch | undefined;
  #isReading = false;
  #isShuttingDown = false;
  /** Not written yet, in order; each is told when it is gone. */
  readonly #pending: { bytes: Uint8Array; readonly size: number }[] = [];

  constructor(id: number, descriptor: Descriptor, socket: StreamSocket | undefined, options: StreamOptions) {
    super(options.table, id, () => this.#release());
    this.descriptor = descriptor;
    this.socket = socket;
    this.#options = options;
  }

  /** A number of libuv. */
  read(isOn: boolean): number {
    if (isOn !== this.#isReading) {
      this.#isReading = isOn;
      this.addActivity(isOn ? 1 : -1);
      this.#wait();
    }
    return 0;
  }

  /** Twice the number of bytes, plus one where they are not all gone yet, or an error of libuv. */
  write(address: number, length: number): number {
    let sent = 0;
    if (this.#pending.length === 0) {
      sent = this.#send(address, length);
      if (sent < 0) return sent;
      if (sent === length) return length * 2;
    }
    // Node's own memory would grow until there is none.
    if (!this.#options.budget.take(length - sent + PENDING_SIZE)) return ERRNO.ENOBUFS;
    this.#pending.push({
      bytes: this.#options.memory.copy(address + sent, length - sent),
      size: length - sent,
    });
    this.addActivity(1);
    this.#wait();
    return length * 2 + 1;
  }

  /** As {@link write}, for bytes of the engine. */
  writeBytes(bytes: Uint8Array): number {
    const { memory } = this.#options;
    return memory.with(bytes, (address) => this.write(address, bytes.length));
  }

  /** 0: done; 1: when all is written. */
  shutdown(): number {
    if (this.#pending.length > 0) {
      this.#isShuttingDown = true;
      this.addActivity(1);
      return 1;
    }
    return this.#shut();
  }

  #shut(): number {
    return this.socket === undefined ? 0 : toUv(this.socket.shutdown(SHUT_WR));
  }

  #send(address: number, length: number): number {
    const { memory } = this.#options;
    for (let sent = 0; ;) {
      if (sent === length) return sent;
      memory.load(address + sent, length - sent);
      const result = this.descriptor.write(memory);
      if (result === -WASI.EAGAIN) return sent;
      if (result < 0) return toUv(result);
      sent += result;
    }
  }

  #wait(): void {
    const wanted = (this.#isReading ? POLLIN : 0) | (this.#pending.length > 0 ? POLLOUT : 0);
    if (this.#watch === undefined) {
      if (wanted === 0) return;
      this.#watch = this.#options.events.watch(this.descriptor, wanted, (events) => this.#onReady(events));
    } else this.#watch.change(wanted);
  }

  #onReady(events: number): void {
    if (this.#pending.length > 0 && (events & ~POLLIN) !== 0) this.#flush();
    if (this.#isReading && (events & ~POLLOUT) !== 0) this.#receive();
  }

  #receive(): void {
    const { memory, guest } = this.#options;
    for (let turn = 0; turn < READS_PER_EVENT && this.#isReading; turn += 1) {
      memory.loadForReading();
      const length = this.descriptor.read(memory);
      if (length > 0) {
        guest.data(this, length);
        // A short read has emptied it: asking again would be a system call for nothing.
        if (length < memory.transferSize) return;
      } else if (length === -WASI.EAGAIN) return;
      else {
        this.read(false);
        return guest.readError(this.id, length === 0 ? ERRNO.EOF : toUv(length));
      }
    }
  }

  #flush(): void {
    const { guest, memory, budget } = this.#options;
    while (this.#pending.length > 0) {
      const first = this.#pending[0]!;
      const piece = first.bytes.subarray(0, memory.transferSize);
      const sent = this.#send(memory.stage(piece), piece.length);
      if (sent >= 0 && sent < first.bytes.length) {
        first.bytes = first.bytes.subarray(sent);
        if (sent < piece.length) break;
        continue;
      }
      this.#pending.shift();
      budget.give(first.size + PENDING_SIZE);
      this.addActivity(-1);
      this.#wait();
      guest.written(this.id, Math.min(sent, 0));
    }
    if (!this.#isShuttingDown || this.#pending.length > 0) return;
    this.#isShuttingDown = false;
    this.addActivity(-1);
    guest.shutDown(this.id, this.#shut());
  }

  #release(): void {
    this.#isReading = false;
    for (const { size } of this.#pending.splice(0)) this.#options.budget.give(size + PENDING_SIZE);
    this.#watch?.[Symbol.dispose]();
    this.descriptor.close();
  }
}
