/**
 * preview1 `poll_oneoff`: one ppoll(2) over what the guest asked for. The single-threaded guest with 1000
 * connections spends its life here, so the loops touch only typed arrays.
 */
import { CLOCK, readClock } from './clock.ts';
import type { Control } from './control.ts';
import { WASI, failure } from './errno.ts';
import type { FdTable } from './fd-table.ts';
import type { GuestMemory } from './guest-memory.ts';
import { POLLHUP, POLLIN, POLLNVAL, POLLOUT } from './poll-events.ts';
import { PollSet } from './poll-set.ts';

/** preview1 witx: sizes and field offsets of `$subscription` and `$event`, in bytes. */
const SUBSCRIPTION = { size: 48, tag: 8, clockId: 16, fd: 16, timeout: 24, clockFlags: 40 } as const;
const EVENT = { size: 32, error: 8, type: 10, bytes: 16, flags: 24 } as const;
const EVENT_CLOCK = 0;
const EVENT_FD_READ = 1;
const EVENT_FD_WRITE = 2;
const EVENT_HANGUP = 1;
const SUBSCRIBE_ABSTIME = 1;

export class PollOneoff {
  readonly #memory: GuestMemory;
  readonly #fds: FdTable;
  readonly #control: Control;
  readonly #set: PollSet;
  /** Subscription each slot of the set belongs to; slot 0 is the control channel. */
  #owners = new Int32Array(64);
  /** Deadline of each clock subscription of the call being served, monotonic nanoseconds. */
  readonly #deadlines: number[] = [];
  /** Of the call being served: slots in use, and clock subscriptions. */
  #slots = 0;
  #clocks = 0;

  constructor(memory: GuestMemory, fds: FdTable, control: Control) {
    this.#memory = memory;
    this.#fds = fds;
    this.#control = control;
    this.#set = new PollSet(control);
  }

  /** preview1 `poll_oneoff`. */
  call(subscriptions: number, events: number, count: number, result: number): number {
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
          this.#set.set(slots + each, hostFds[each]!, wanted);
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
      let left = this.#set.poll(slots, already > 0 ? 0 : deadline - monotonic());
      if (left === undefined) continue;
      if (left < 0) return failure();
      for (let slot = 1, last = -1; left > 0 && slot < slots; slot += 1) {
        const revents = this.#set.revents(slot);
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

  #reserve(slots: number): void {
    this.#set.reserve(slots);
    if (slots <= this.#owners.length) return;
    const owners = new Int32Array(2 * slots);
    owners.set(this.#owners);
    this.#owners = owners;
  }
}

/** CLOCK_MONOTONIC in nanoseconds; exact to 1 µs for 100 days of uptime and more than enough after. */
const monotonic = (): number => Number(process.hrtime.bigint());
