/** The thread's side: sends what is in the lanes, and sleeps when nothing is, or nobody takes it. */
import { errno } from '../../os/libc.ts';
import { EAGAIN, EINTR } from '../errno.ts';
import * as libc from '../libc.ts';
import { POLLIN, POLLOUT } from '../poll-events.ts';
import { BELL, LANE, LANES, LANE_SIZE, LANE_STATE, WORD, ringOf, wordsOf } from './layout.ts';
import type { SendThreadData } from './layout.ts';

/** socket.h */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

export class SendLoop {
  readonly #words: Int32Array;
  /** Host address of what is shared. */
  readonly #base: number;
  readonly #wakeFd: number;
  readonly #roomFd: number;
  /** Lanes of sockets that take nothing more for now. */
  readonly #stuck = new Set<number>();
  /** struct pollfd[]: fd, events, revents, as pairs of 32-bit words. */
  readonly #pollfds = new Int32Array(2 * (LANES + 1));
  /** What is read from and written to eventfd(2). */
  readonly #counter = new BigUint64Array(1);
  readonly #counterAddress = Number(libc.addressOf(this.#counter));

  constructor({ shared, wakeFd, roomFd }: SendThreadData) {
    this.#words = new Int32Array(shared);
    this.#base = Number(libc.addressOf(this.#words));
    this.#wakeFd = wakeFd;
    this.#roomFd = roomFd;
  }

  run(): never {
    Atomics.store(this.#words, WORD.ready, 1);
    Atomics.notify(this.#words, WORD.ready);
    for (;;) if (!this.#sendAll()) this.#sleep();
  }

  /** Whether there was anything to do. */
  #sendAll(): boolean {
    let wasBusy = false;
    const used = Atomics.load(this.#words, WORD.used);
    for (let lane = 0; lane < used; lane += 1) {
      if (!this.#hasWork(lane)) continue;
      wasBusy = true;
      this.#serve(lane);
    }
    return wasBusy;
  }

  #hasWork(lane: number): boolean {
    if (this.#stuck.size > 0 && this.#stuck.has(lane)) return false;
    const words = this.#words;
    const at = wordsOf(lane);
    if (Atomics.load(words, at + LANE.written) !== words[at + LANE.sent]) return true;
    return Atomics.load(words, at + LANE.state) === LANE_STATE.closing;
  }

  #serve(lane: number): void {
    const words = this.#words;
    const at = wordsOf(lane);
    // Looked at first: what is written before a lane is closed is sent.
    const isClosing = Atomics.load(words, at + LANE.state) === LANE_STATE.closing;
    while (this.#sendSome(lane, at));
    if (!isClosing || this.#stuck.has(lane)) return;
    libc.close(words[at + LANE.fd]!);
    Atomics.store(words, at + LANE.state, LANE_STATE.free);
  }

  /** Whether there may be more to send. */
  #sendSome(lane: number, at: number): boolean {
    const words = this.#words;
    const sent = words[at + LANE.sent]!;
    const written = Atomics.load(words, at + LANE.written);
    if (written === sent) return false;
    const start = sent & (LANE_SIZE - 1);
    const length = Math.min((written - sent) >>> 0, LANE_SIZE - start);
    const fd = words[at + LANE.fd]!;
    const count = libc.send(fd, this.#base + ringOf(lane) + start, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) Atomics.store(words, at + LANE.sent, (sent + count) | 0);
    else if (errno() === EAGAIN) {
      this.#stuck.add(lane);
      return false;
    } else if (errno() !== EINTR) {
      Atomics.store(words, at + LANE.error, errno());
      // Nobody will take it.
      Atomics.store(words, at + LANE.sent, written);
    }
    this.#tellOfRoom(at);
    return true;
  }

  #tellOfRoom(at: number): void {
    if (Atomics.load(this.#words, at + LANE.wanted) === 0) return;
    Atomics.store(this.#words, at + LANE.wanted, 0);
    this.#counter[0] = 1n;
    libc.write(this.#roomFd, this.#counterAddress, this.#counter.byteLength);
  }

  #sleep(): void {
    const words = this.#words;
    Atomics.store(words, WORD.bell, BELL.drowsy);
    // What was written before is seen now; whoever writes afterwards sees the bell, and rings it.
    if (!this.#hasNews()) {
      const sleep = this.#stuck.size === 0 ? BELL.dozing : BELL.polling;
      const hasRung = Atomics.compareExchange(words, WORD.bell, BELL.drowsy, sleep) !== BELL.drowsy;
      if (!hasRung && sleep === BELL.dozing) Atomics.wait(words, WORD.bell, BELL.dozing);
      else if (!hasRung) this.#poll();
    }
    Atomics.store(words, WORD.bell, BELL.awake);
  }

  #hasNews(): boolean {
    const used = Atomics.load(this.#words, WORD.used);
    for (let lane = 0; lane < used; lane += 1) if (this.#hasWork(lane)) return true;
    return false;
  }

  /** Waits until one of the sockets takes something again, or the bell rings. */
  #poll(): void {
    const pollfds = this.#pollfds;
    const lanes = [...this.#stuck];
    pollfds[0] = this.#wakeFd;
    pollfds[1] = POLLIN;
    for (const [index, lane] of lanes.entries()) {
      pollfds[2 * index + 2] = this.#words[wordsOf(lane) + LANE.fd]!;
      pollfds[2 * index + 3] = POLLOUT;
    }
    if (libc.ppoll(pollfds, lanes.length + 1, null, null) < 0) return;
    if (pollfds[1] !== POLLIN) libc.read(this.#wakeFd, this.#counterAddress, this.#counter.byteLength);
    for (const [index, lane] of lanes.entries())
      if (pollfds[2 * index + 3] !== POLLOUT) this.#stuck.delete(lane);
  }
}
