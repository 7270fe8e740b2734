/** epoll(7): how a reactor waits for many descriptors at the price of those that are ready. */
import { SystemCallError, errno, check, libc } from '../os/libc.ts';
import { EINTR } from './errno.ts';

/** sys/epoll.h */
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLL_CLOEXEC = 0o2000000;
/** errno.h: what epoll_ctl(2) says of a file that is always ready. */
const EPERM = 1;

/**
 * struct epoll_event {uint32_t events; epoll_data_t data} in 32-bit words: packed on x86-64, where it is so for
 * programs of 32 bits to share it, elsewhere `data` is aligned to 8 bytes (sys/epoll.h, bits/epoll.h).
 */
const LAYOUT = process.arch === 'x64' ? { words: 3, data: 1 } : { words: 4, data: 2 };
/** Most events of one wait; the others come with the next. */
const CAPACITY = 256;

type Words = Int32Array;
interface Calls {
  readonly create: (flags: number) => number;
  readonly control: (epoll: number, operation: number, fd: number, event: Words | null) => number;
  readonly wait: (epoll: number, events: Words, count: number, ms: number, signalMask: null) => number;
}
/** Declared at the first use: WASI commands need none of it. */
const declare = (): Calls => ({
  create: libc.func('int epoll_create1(int)'),
  control: libc.func('int epoll_ctl(int, int, int, void *)'),
  wait: libc.func('int epoll_pwait(int, void *, int, int, void *)'),
});

/** Longest wait epoll_pwait(2) knows, in ms. */
const MAX_WAIT_MS = 0x7fff_ffff;

/** A host descriptor in a set. */
interface Member<Owner> {
  readonly owner: Owner;
  /** Tells an event for it from a late one for who had the same descriptor number before. */
  readonly generation: number;
}

/** A set of descriptors, level-triggered, each with an owner. */
export class Epoll<Owner> {
  readonly #calls = declare();
  readonly #fd: number;
  /** By host descriptor. */
  readonly #members: (Member<Owner> | undefined)[] = [];
  #generation = 0;
  readonly #event = new Int32Array(LAYOUT.words);
  readonly #ready = new Int32Array(CAPACITY * LAYOUT.words);

  /** @throws {SystemCallError} */
  constructor() {
    this.#fd = check('epoll_create1', this.#calls.create(EPOLL_CLOEXEC));
  }

  /**
   * False for a descriptor that is always ready: a regular file, /dev/null.
   * @throws {SystemCallError}
   */
  add(fd: number, events: number, owner: Owner): boolean {
    this.#generation = (this.#generation + 1) | 0;
    const event = this.#describe(fd, events, this.#generation);
    if (this.#calls.control(this.#fd, EPOLL_CTL_ADD, fd, event) < 0) {
      if (errno() === EPERM) return false;
      throw new SystemCallError('epoll_ctl');
    }
    this.#members[fd] = { owner, generation: this.#generation };
    return true;
  }

  /**
   * Waits for other events of a descriptor in the set.
   * @throws {SystemCallError}
   */
  modify(fd: number, events: number): void {
    const event = this.#describe(fd, events, this.#members[fd]?.generation ?? 0);
    check('epoll_ctl', this.#calls.control(this.#fd, EPOLL_CTL_MOD, fd, event));
  }

  /**
   * Before the descriptor is closed: others may hold the same socket, and then it would stay in the set.
   * @throws {SystemCallError}
   */
  remove(fd: number): void {
    this.#members[fd] = undefined;
    check('epoll_ctl', this.#calls.control(this.#fd, EPOLL_CTL_DEL, fd, null));
  }

  /**
   * Blocks until something is ready, `ms` have passed (Infinity: for ever) or a signal came.
   * @returns how many descriptors are ready, to be asked for one by one
   * @throws {SystemCallError}
   */
  wait(ms: number): number {
    const limit = ms > MAX_WAIT_MS ? (ms === Infinity ? -1 : MAX_WAIT_MS) : Math.max(0, Math.ceil(ms));
    const count = this.#calls.wait(this.#fd, this.#ready, CAPACITY, limit, null);
    if (count >= 0) return count;
    if (errno() === EINTR) return 0;
    throw new SystemCallError('epoll_pwait');
  }

  /** Whose the ready descriptor at `index` is; undefined where it has left the set since the wait. */
  owner(index: number): Owner | undefined {
    const at = index * LAYOUT.words + LAYOUT.data;
    const member = this.#members[this.#ready[at]!];
    return member?.generation === this.#ready[at + 1] ? member?.owner : undefined;
  }

  /** POLL* bits of the ready descriptor at `index`. */
  events(index: number): number {
    return this.#ready[index * LAYOUT.words]!;
  }

  #describe(fd: number, events: number, generation: number): Words {
    this.#event[0] = events;
    this.#event[LAYOUT.data] = fd;
    this.#event[LAYOUT.data + 1] = generation;
    return this.#event;
  }
}
