/**
 * Waiting. Every wait of the guest is one ppoll(2) over what it asked for plus the control channel.
 * The single-threaded guest with 1000 connections spends its life here, so the loops touch only
 * typed arrays.
 */
import { CLOCK, readClock } from './clock.ts';
import type { Control } from './control.ts';
import { EAGAIN, EINTR, WASI, failure } from './errno.ts';
import { errno } from '../os/libc.ts';
import type { FdTable } from './fd-table.ts';
import type { GuestMemory } from './guest-memory.ts';
import { ppoll } from './libc.ts';

/** poll(2), bits of `events` and `revents`. */
export const POLLIN = 0x001;
export const POLLOUT = 0x004;
const POLLHUP = 0x010;
const POLLNVAL = 0x020;

/** preview1 witx: sizes and field offsets of `$subscription` and `$event`, in bytes. */
const SUBSCRIPTION = { size: 48, tag: 8, clockId: 16, fd: 16, timeout: 24, clockFlags: 40 } as const;
const EVENT = { size: 32, error: 8, type: 10, bytes: 16, flags: 24 } as const;
const EVENT_CLOCK = 0;
const EVENT_FD_READ = 1;
const EVENT_FD_WRITE = 2;
const EVENT_HANGUP = 1;
const SUBSCRIBE_ABSTIME = 1;
const NANOSECONDS = 1_000_000_000;

export class Poller {
  readonly #memory: GuestMemory;
  readonly #fds: FdTable;
  readonly #control: Control;
  /** struct pollfd[]: int fd, short events, short revents — read as pairs of 32-bit words. */
  #pollfds = new Int32Array(2 * 64);
  /** Subscription each pollfd belongs to; slot 0 is the control channel. */
  #owners = new Int32Array(64);
  /** struct timespec {time_t tv_sec; long tv_nsec} as 32-bit words; tv_sec stays below 2^31. */
  readonly #timespec = new Int32Array(4);
  /** Deadline of each clock subscription of the call being served, monotonic nanoseconds. */
  readonly #deadlines: number[] = [];
  /** Of the call being served: pollfds in use, and clock subscriptions. */
  #slots = 0;
  #clocks = 0;

  constructor(memory: GuestMemory, fds: FdTable, control: Control) {
    this.#memory = memory;
    this.#fds = fds;
    this.#control = control;
  }

  /** Blocks until one of the host descriptors is ready for `events` ({@link POLLIN}, {@link POLLOUT}). */
  wait(hostFds: readonly number[], events: number): void {
    this.#await(hostFds, events, Infinity);
  }

  /**
   * Whether the host call that just failed is worth repeating: after a signal, and, once the descriptors are
   * ready, where there was nothing to do. A non-blocking guest is not kept waiting.
   */
  shouldRetry(hostFds: readonly number[], events: number, nonBlocking: boolean): boolean {
    const code = errno();
    if (code === EINTR) return true;
    if (code !== EAGAIN || nonBlocking) return false;
    this.wait(hostFds, events);
    return true;
  }

  /** Whether one of the host descriptors is ready for `events` now. */
  isReady(hostFds: readonly number[], events: number): boolean {
    return this.#await(hostFds, events, 0);
  }

  /** Waits at most `nanoseconds`; false when they passed and nothing was ready. */
  #await(hostFds: readonly number[], events: number, nanoseconds: number): boolean {
    for (;;) {
      // Orders of the supervisor may change what a listener stands for while it is waited for.
      const count = hostFds.length + 1;
      this.#reserve(count);
      this.#setControlSlot();
      for (let index = 1; index < count; index += 1) this.#set(index, hostFds[index - 1]!, events);
      const ready = ppoll(this.#pollfds, count, this.#setTimeout(nanoseconds), null);
      // The call that follows tells what is wrong with the descriptor.
      if (ready < 0 && errno() !== EINTR) return true;
      if (ready > 0 && (this.#takeControl() === 0 ? ready : ready - 1) > 0) return true;
      if (ready === 0) return false;
    }
  }

  /** preview1 `poll_oneoff`. */
  pollOneoff(subscriptions: number, events: number, count: number, result: number): number {
    const memory = this.#memory;
    // Not "=== 0": a module may have declared the function with fewer parameters than it has.
    if (!(count > 0)) return WASI.EINVAL;
    if (((subscriptions | events) & 7) !== 0) return WASI.EINVAL;
    memory.address(subscriptions, count * SUBSCRIPTION.size);
    memory.address(events, count * EVENT.size);

    let deadline: number | undefined;
    for (;;) {
      const { orders } = this.#control;
      this.#clocks = 0;
      this.#slots = 1;
      let emitted = this.#collect(subscriptions, events, count);
      deadline ??= this.#clocks === 0 ? Infinity : this.#earliest(subscriptions, count);
      emitted = this.#block(emitted, events, deadline);
      if (emitted < 0) return -emitted;
      if (this.#clocks > 0) emitted = this.#emitClocks(subscriptions, count, events, emitted);
      if (emitted === 0 && this.#control.orders !== orders) continue;
      memory.view.setUint32(result, emitted, true);
      return 0;
    }
  }

  /** Fills the pollfds from the subscriptions; returns how many events there are without waiting. */
  #collect(subscriptions: number, events: number, count: number): number {
    const { bytes, words } = this.#memory;
    let emitted = 0;
    for (let index = 0; index < count; index += 1) {
      const at = subscriptions + index * SUBSCRIPTION.size;
      const tag = bytes[at + SUBSCRIPTION.tag]!;
      if (this.#isClock(at)) {
        this.#clocks += 1;
        continue;
      }
      if (tag !== EVENT_FD_READ && tag !== EVENT_FD_WRITE) {
        this.#emit(events, emitted++, at, WASI.EINVAL, 0, 0);
        continue;
      }
      // Addresses reach beyond 2^31, hence the unsigned shifts.
      const descriptor = this.#fds.get(words[(at + SUBSCRIPTION.fd) >>> 2]! >>> 0);
      const hostFds = descriptor?.pollFds();
      if (hostFds === undefined) this.#emit(events, emitted++, at, WASI.EBADF, 0, 0);
      else if (hostFds.length === 0) this.#emit(events, emitted++, at, 0, 1, 0);
      else {
        const slots = this.#slots;
        if (slots + hostFds.length > this.#owners.length) this.#reserve(2 * (slots + hostFds.length));
        const wanted = tag === EVENT_FD_READ ? POLLIN : POLLOUT;
        for (let each = 0; each < hostFds.length; each += 1) {
          this.#owners[slots + each] = at;
          this.#set(slots + each, hostFds[each]!, wanted);
        }
        this.#slots += hostFds.length;
      }
    }
    return emitted;
  }

  /** One or more ppoll calls until there is an event, an order, or the deadline (monotonic ns) has passed. */
  #block(already: number, events: number, deadline: number): number {
    const { orders } = this.#control;
    const slots = this.#slots;
    let emitted = already;
    for (;;) {
      this.#setControlSlot();
      const timeout = already > 0 ? this.#setTimeout(0) : this.#setTimeout(deadline - monotonic());
      const ready = ppoll(this.#pollfds, slots, timeout, null);
      if (ready < 0) {
        if (errno() === EINTR) continue;
        return failure();
      }
      let left = this.#takeControl() === 0 ? ready : ready - 1;
      for (let slot = 1, last = -1; left > 0 && slot < slots; slot += 1) {
        const revents = this.#pollfds[2 * slot + 1]! >> 16;
        if (revents === 0) continue;
        left -= 1;
        const at = this.#owners[slot]!;
        // A listener may be several host sockets: one event is enough.
        if (at === last) continue;
        last = at;
        const hangup = (revents & POLLHUP) === 0 ? 0 : EVENT_HANGUP;
        this.#emit(events, emitted, at, (revents & POLLNVAL) === 0 ? 0 : WASI.EBADF, 1, hangup);
        emitted += 1;
      }
      if (emitted > 0 || monotonic() >= deadline || this.#control.orders !== orders) return emitted;
    }
  }

  /** Notes the deadline of every clock subscription and returns the earliest, monotonic nanoseconds. */
  #earliest(subscriptions: number, count: number): number {
    let earliest = Infinity;
    const now = monotonic();
    this.#deadlines.length = 0;
    for (let index = 0; index < count; index += 1) {
      const at = subscriptions + index * SUBSCRIPTION.size;
      if (!this.#isClock(at)) continue;
      const { view } = this.#memory;
      const timeout = view.getBigUint64(at + SUBSCRIPTION.timeout, true);
      const absolute = (view.getUint16(at + SUBSCRIPTION.clockFlags, true) & SUBSCRIBE_ABSTIME) !== 0;
      const realtime = view.getUint32(at + SUBSCRIPTION.clockId, true) === CLOCK.realtime;
      // 2^53 ns are 104 days: enough for a difference, not for an absolute time, hence BigInt there.
      const base = readClock(realtime ? CLOCK.realtime : CLOCK.monotonic);
      const deadline = now + Number(absolute ? timeout - base : timeout);
      this.#deadlines.push(deadline);
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  #emitClocks(subscriptions: number, count: number, events: number, already: number): number {
    let emitted = already;
    let clock = 0;
    const now = monotonic();
    for (let index = 0; index < count; index += 1) {
      const at = subscriptions + index * SUBSCRIPTION.size;
      if (!this.#isClock(at)) continue;
      if (this.#deadlines[clock]! <= now) this.#emit(events, emitted++, at, 0, 0, 0);
      clock += 1;
    }
    return emitted;
  }

  /** Whether the subscription at an address is one of a clock that exists. */
  #isClock(at: number): boolean {
    const { bytes, view } = this.#memory;
    if (bytes[at + SUBSCRIPTION.tag] !== EVENT_CLOCK) return false;
    return view.getUint32(at + SUBSCRIPTION.clockId, true) <= CLOCK.threadCpu;
  }

  #emit(
    events: number,
    index: number,
    subscription: number,
    error: number,
    bytes: number,
    flags: number,
  ): void {
    const { words, view } = this.#memory;
    const at = events + index * EVENT.size;
    words[at >>> 2] = words[subscription >>> 2]!;
    words[(at + 4) >>> 2] = words[(subscription + 4) >>> 2]!;
    const tag = this.#memory.bytes[subscription + SUBSCRIPTION.tag]!;
    view.setUint16(at + EVENT.error, error, true);
    view.setUint8(at + EVENT.type, tag);
    // How many bytes wait would cost a system call each; guests only ask whether there are any.
    words[(at + EVENT.bytes) >>> 2] = bytes;
    words[(at + EVENT.bytes + 4) >>> 2] = 0;
    view.setUint16(at + EVENT.flags, flags, true);
  }

  #set(slot: number, hostFd: number, wanted: number): void {
    this.#pollfds[2 * slot] = hostFd;
    this.#pollfds[2 * slot + 1] = wanted;
  }

  #setControlSlot(): void {
    this.#set(0, this.#control.fd, POLLIN);
  }

  /** Serves the control channel if it is readable; returns its revents. */
  #takeControl(): number {
    const revents = this.#pollfds[1]! >> 16;
    if (revents !== 0) this.#control.onReadable();
    return revents;
  }

  /** Fills the timespec; null (wait forever) for an infinite time. */
  #setTimeout(nanoseconds: number): Int32Array | null {
    if (nanoseconds === Infinity) return null;
    const left = Math.max(0, nanoseconds);
    // Longer than 2^31 seconds is as good as forever; the loop asks again anyway.
    const seconds = Math.min(Math.floor(left / NANOSECONDS), 0x7fff_ffff);
    this.#timespec[0] = seconds;
    this.#timespec[2] = left % NANOSECONDS;
    return this.#timespec;
  }

  #reserve(slots: number): void {
    if (slots <= this.#owners.length) return;
    const pollfds = new Int32Array(4 * slots);
    pollfds.set(this.#pollfds);
    const owners = new Int32Array(2 * slots);
    owners.set(this.#owners);
    this.#pollfds = pollfds;
    this.#owners = owners;
  }
}

/** CLOCK_MONOTONIC in nanoseconds; exact to 1 µs for 100 days of uptime and more than enough after. */
const monotonic = (): number => Number(process.hrtime.bigint());
