/**
 * The engine's side of its send thread. Sending takes a system call that goes all the way to the receiver, wakes it, and lasts
 * longer than many a query; a reactor that has other guests waiting leaves it to another thread, and only copies.
 */
import { WASI, toWasi } from '../errno.ts';
import type { EventPoll } from '../event-poll.ts';
import type { GuestMemory } from '../guest-memory.ts';
import * as libc from '../libc.ts';
import { POLLIN } from '../poll-events.ts';
import { BELL, LANE, LANES, LANE_SIZE, LANE_STATE, WORD, ringOf, wordsOf } from './layout.ts';
import type { SendThreadData } from './layout.ts';

/** How long the engine waits at its end for what is still to be sent, in ms. */
const FLUSH_MS = 500;
/** How often it looks, in ms. */
const FLUSH_STEP_MS = 0.2;

export class SendLanes {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #data: SendThreadData;
  readonly #one = BigUint64Array.of(1n);
  readonly #received = new BigUint64Array(1);
  /** Who waits for room, by lane. */
  readonly #waiting = new Map<number, () => void>();

  constructor(data: SendThreadData) {
    this.#data = data;
    this.#words = new Int32Array(data.shared);
    this.#bytes = new Uint8Array(data.shared);
  }

  /** A lane for a socket; undefined where all are in use. */
  open(hostFd: number): SendLane | undefined {
    const words = this.#words;
    for (let lane = 0; lane < LANES; lane += 1) {
      const at = wordsOf(lane);
      if (Atomics.load(words, at + LANE.state) !== LANE_STATE.free) continue;
      words[at + LANE.fd] = hostFd;
      Atomics.store(words, at + LANE.error, 0);
      Atomics.store(words, at + LANE.state, LANE_STATE.open);
      if (lane >= words[WORD.used]!) Atomics.store(words, WORD.used, lane + 1);
      return new SendLane(this, lane);
    }
    return undefined;
  }

  /** Room in lanes is one of the things that this loop waits for, from now on. */
  watchBy(events: EventPoll): void {
    events.watch(this.#data.roomFd, POLLIN, () => this.#onRoom());
  }

  /** Waits, for a moment, until everything is sent, or nobody takes it. */
  flush(): void {
    const deadline = performance.now() + FLUSH_MS;
    const words = this.#words;
    while (performance.now() < deadline) {
      const bell = Atomics.load(words, WORD.bell);
      // It sleeps only when it has seen that nothing is left, or that nobody takes it.
      if (bell === BELL.dozing || bell === BELL.polling) return;
      Atomics.wait(words, WORD.still, 0, FLUSH_STEP_MS);
    }
  }

  /** As {@link SendLane.send}. */
  send(lane: number, memory: GuestMemory): number {
    const words = this.#words;
    const at = wordsOf(lane);
    const error = Atomics.load(words, at + LANE.error);
    if (error !== 0) return -toWasi(error);
    const written = words[at + LANE.written]!;
    const room = LANE_SIZE - ((written - Atomics.load(words, at + LANE.sent)) >>> 0);
    if (room === 0 && memory.iovTotal > 0) return -WASI.EAGAIN;
    const length = Math.min(room, memory.iovTotal);
    this.#copy(memory, length, { ring: ringOf(lane), start: written });
    Atomics.store(words, at + LANE.written, (written + length) | 0);
    this.#ring();
    return length;
  }

  /** As {@link SendLane.close}. */
  close(lane: number): boolean {
    const words = this.#words;
    const at = wordsOf(lane);
    this.#waiting.delete(lane);
    Atomics.store(words, at + LANE.wanted, 0);
    const isSent = Atomics.load(words, at + LANE.sent) === words[at + LANE.written];
    Atomics.store(words, at + LANE.state, isSent ? LANE_STATE.free : LANE_STATE.closing);
    if (!isSent) this.#ring();
    return !isSent;
  }

  /** As {@link SendLane.onRoom}. */
  onRoom(lane: number, callback: () => void): Disposable {
    const words = this.#words;
    const at = wordsOf(lane);
    this.#waiting.set(lane, callback);
    Atomics.store(words, at + LANE.wanted, 1);
    // What was sent before that nobody is told of.
    if (this.#hasRoom(at)) this.#wake(this.#data.roomFd);
    return {
      [Symbol.dispose]: () => {
        if (this.#waiting.get(lane) === callback) this.#waiting.delete(lane);
      },
    };
  }

  #hasRoom(at: number): boolean {
    const words = this.#words;
    const kept = (words[at + LANE.written]! - Atomics.load(words, at + LANE.sent)) >>> 0;
    return kept < LANE_SIZE || Atomics.load(words, at + LANE.error) !== 0;
  }

  #onRoom(): void {
    libc.read(this.#data.roomFd, Number(libc.addressOf(this.#received)), this.#received.byteLength);
    for (const [lane, callback] of this.#waiting) {
      if (!this.#hasRoom(wordsOf(lane))) continue;
      this.#waiting.delete(lane);
      callback();
    }
  }

  #copy(memory: GuestMemory, length: number, { ring, start }: { ring: number; start: number }): void {
    for (let index = 0, done = 0; done < length; index += 1) {
      const pointer = memory.iovPointers[index]!;
      const count = Math.min(memory.iovLengths[index]!, length - done);
      const place = (start + done) & (LANE_SIZE - 1);
      const before = Math.min(count, LANE_SIZE - place);
      this.#bytes.set(memory.bytes.subarray(pointer, pointer + before), ring + place);
      if (before < count) this.#bytes.set(memory.bytes.subarray(pointer + before, pointer + count), ring);
      done += count;
    }
  }

  #ring(): void {
    const words = this.#words;
    if (Atomics.load(words, WORD.bell) === BELL.awake) return;
    const before = Atomics.exchange(words, WORD.bell, BELL.awake);
    if (before === BELL.dozing) Atomics.notify(words, WORD.bell, 1);
    else if (before === BELL.polling) this.#wake(this.#data.wakeFd);
  }

  #wake(fd: number): void {
    libc.write(fd, Number(libc.addressOf(this.#one)), this.#one.byteLength);
  }
}

/** By which a socket in non-blocking mode is sent to. */
export class SendLane {
  readonly #lanes: SendLanes;
  readonly #number: number;

  constructor(lanes: SendLanes, number: number) {
    this.#lanes = lanes;
    this.#number = number;
  }

  /**
   * Takes the loaded buffers, or the beginning of them.
   * @returns bytes, or a negated WASI errno: -EAGAIN where there is no room, else what a send before has failed with
   */
  send(memory: GuestMemory): number {
    return this.#lanes.send(this.#number, memory);
  }

  /** Calls back once when there is room, or nothing can be sent any more; not before this returns. */
  onRoom(callback: () => void): Disposable {
    return this.#lanes.onRoom(this.#number, callback);
  }

  /** Gives it back. True where not everything is sent yet: then the thread closes the descriptor when it is. */
  close(): boolean {
    return this.#lanes.close(this.#number);
  }
}
