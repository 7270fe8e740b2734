/**
 * The loop of a reactor: descriptors are watched, each with a callback, and one call waits for all of them and
 * for the supervisor. Level-triggered: what a callback leaves undone comes again. A driver runs it so:
 *
 *     for (;;) {
 *       events.wait(msToTheNextTimer());
 *       if (events.isHostDue) await events.hostTurn();
 *     }
 */
import type { Descriptor, DescriptorWatcher } from './descriptor.ts';
import { Epoll } from './epoll.ts';
import { HostLoop } from './host-loop.ts';
import { NEVER_READY, POLLERR, POLLHUP, POLLIN, POLLOUT } from './poll-events.ts';

/** Told whatever is waited for. */
const ALWAYS_TOLD = POLLERR | POLLHUP;

/** What is watched, until it is disposed of. */
export interface Watch extends Disposable {
  /** Waits for other events from now on; 0 for none, not even errors. */
  change(events: number): void;
}

export type WatchCallback = (events: number) => void;

export class EventPoll {
  readonly #set: WatchSet = { epoll: new Epoll(), alwaysReady: new Set() };
  #isDispatching = false;
  #hostLoop: HostLoop | undefined;
  #holds = 0;
  #isHostDue = false;
  #hostWatch: Watch | undefined;

  constructor(control: { readonly fd: number; onReadable(): void }) {
    this.watch(control.fd, POLLIN, () => control.onReadable());
  }

  /**
   * Calls back whenever `target` is ready for one of the `events` (POLLIN, POLLOUT), with those, POLLERR and
   * POLLHUP. A descriptor can be watched once at a time, and its watch ends with it; a bare host descriptor has
   * to be closed after its watch. Datagrams that were only peeked at do not count.
   * @throws {SystemCallError} for what cannot be waited for
   */
  watch(target: Descriptor | number, events: number, callback: WatchCallback): Watch {
    return new SetWatch(this.#set, target, events, callback);
  }

  /**
   * Waits until something that is watched is ready, the supervisor has given an order, `ms` have passed
   * (Infinity: for ever), or, while it is held, Node's own loop is due. Then calls back whoever has to be. What
   * a callback throws comes out of here; the other events come again.
   */
  wait(ms: number): void {
    if (this.#isDispatching) throw new Error('EventPoll.wait() was called by one of its own callbacks');
    const { epoll, alwaysReady } = this.#set;
    const count = epoll.wait(this.#limit(ms));
    this.#isDispatching = true;
    try {
      for (let index = 0; index < count; index += 1) epoll.owner(index)?.tell(epoll.events(index));
      // A list of its own: who is watched anew by a callback waits for the next round.
      for (const watch of alwaysReady.values().toArray()) watch.tell(POLLIN | POLLOUT);
    } finally {
      this.#isDispatching = false;
    }
  }

  /**
   * Work of Node itself is under way (its thread pool, TLS): until it is disposed of, {@link wait} also returns
   * when Node's own loop has something to do. {@link isHostDue} tells, {@link hostTurn} lets it. That work must
   * bring no descriptors of its own (net, fs.watch, process.stdin): libuv adds them by io_uring, which the
   * engine's system call filter refuses, and aborts.
   */
  hold(): Disposable {
    this.#holds += 1;
    this.#hostWatch ??= this.watch(this.#host().fd, POLLIN, () => (this.#isHostDue = true));
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#unhold();
        isHeld = false;
      },
    };
  }

  /** Node has something to do that its loop does not know of: a tick, a promise. The next wait does not block. */
  requestHostTurn(): void {
    this.#isHostDue = true;
  }

  /** Is Node's own loop to have a turn? */
  get isHostDue(): boolean {
    return this.#isHostDue;
  }

  /** Gives Node's own loop one turn: what is ready there is done when this resolves. */
  async hostTurn(): Promise<void> {
    this.#isHostDue = false;
    await this.#host().turn();
  }

  #host(): HostLoop {
    return (this.#hostLoop ??= new HostLoop());
  }

  #unhold(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    this.#hostWatch?.[Symbol.dispose]();
    this.#hostWatch = undefined;
  }

  #limit(ms: number): number {
    if (this.#set.alwaysReady.size > 0 || this.#isHostDue) return 0;
    if (this.#holds === 0) return ms;
    const hostMs = this.#host().dueInMs();
    if (hostMs <= 0) this.#isHostDue = true;
    return Math.min(ms, hostMs);
  }
}

interface WatchSet {
  readonly epoll: Epoll<SetWatch>;
  /** Of descriptors that epoll(7) does not take, because they always are. */
  readonly alwaysReady: Set<SetWatch>;
}

class SetWatch implements Watch, DescriptorWatcher {
  readonly #set: WatchSet;
  readonly #target: Descriptor | number;
  readonly #callback: WatchCallback;
  #events: number;
  #isOver = false;
  /** What of it is in the set. */
  #hostFds: number[] = [];

  constructor(set: WatchSet, target: Descriptor | number, events: number, callback: WatchCallback) {
    this.#set = set;
    this.#target = target;
    this.#events = events;
    this.#callback = callback;
    if (typeof target !== 'number') {
      if (target.watcher !== undefined) throw new Error('the descriptor is watched already');
      target.watcher = this;
    }
    this.changed();
  }

  change(events: number): void {
    if (events === this.#events || this.#isOver) return;
    const wasIdle = this.#events === 0;
    this.#events = events;
    if (events === 0) this.#release();
    else if (wasIdle) this.changed();
    else for (const fd of this.#hostFds) this.#set.epoll.modify(fd, events);
  }

  changed(): void {
    if (this.#events === 0) return;
    const wanted = typeof this.#target === 'number' ? [this.#target] : this.#target.pollFds();
    this.#set.alwaysReady.delete(this);
    for (const fd of this.#hostFds) if (!wanted.includes(fd)) this.#set.epoll.remove(fd);
    const kept = this.#hostFds.filter((fd) => wanted.includes(fd));
    this.#hostFds = kept;
    for (const fd of wanted) {
      if (fd === NEVER_READY || kept.includes(fd)) continue;
      if (this.#set.epoll.add(fd, this.#events, this)) kept.push(fd);
      else this.#set.alwaysReady.add(this);
    }
    if (wanted.length === 0) this.#set.alwaysReady.add(this);
  }

  #release(): void {
    this.#set.alwaysReady.delete(this);
    for (const fd of this.#hostFds.splice(0)) this.#set.epoll.remove(fd);
  }

  /** Calls back if that is what is waited for, still. */
  tell(events: number): void {
    const told = this.#events === 0 ? 0 : events & (this.#events | ALWAYS_TOLD);
    if (told !== 0) this.#callback(told);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release();
    this.#events = 0;
    if (typeof this.#target !== 'number') this.#target.watcher = undefined;
  }
}
