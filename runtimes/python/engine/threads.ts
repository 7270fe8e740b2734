/**
 * The guest's threads: stacks of V8 that are suspended while they wait (JavaScript Promise Integration), one of them
 * running at a time. CPython's own lock decides who runs Python; a thread that waits has released it, and one that has
 * used up its time does so where CPython would hand it over as well.
 */
import { setFlagsFromString } from 'node:v8';
import type { Descriptor } from '../../../src/engine/descriptor.ts';
import type { EventPoll, Watch } from '../../../src/engine/event-poll.ts';
import { MemoryPipe } from './memory-pipe.ts';
import type { InterpreterExports } from './interpreter-exports.ts';

/** Bytes of a stack in the guest's memory: for the same depth CPython needs a few times as much on Linux, of 8 MiB. */
const STACK_SIZE = 2 << 20;
/**
 * V8 has a stack of its own for each, in KiB; where that is used up the guest has failed. CPython refuses to go deeper as
 * soon as the guest's is used up, so V8's has to last longer: measured were up to 18 times as many bytes. What is never
 * used is only addresses. V8 takes no more than its `--stack-size` (src/sandbox/engine-binary.ts).
 */
const V8_STACK_SIZE = 60_000;
/** WebAssembly's C ABI (tool-conventions, "Basic C ABI"). */
const STACK_ALIGNMENT = 16;
/** CPython's default (sys.getswitchinterval), in ms. */
const SLICE_MS = 5;
/** Ids of threads are addresses in CPython; these are none. */
const FIRST_ID = 4096;
/** Results of waiting for a semaphore (Include/internal/pycore_parking_lot.h). */
const PARK = { ok: 0, timeout: -2, interrupted: -3 } as const;
/** Results of waiting for a lock (`PyLockStatus` of Include/cpython/pythread.h). */
const LOCK = { ok: 1, timeout: 0, interrupted: 2 } as const;
const UNINTERRUPTED_LOCK = { ...LOCK, interrupted: undefined };
/** parking_lot.c, `struct _PySemaphore` without semaphores of POSIX: the counter lies behind a mutex and a condition. */
const COUNTER_OFFSET = 72;

interface Thread {
  readonly id: number;
  /** Values by key (pthread_getspecific(3)). */
  readonly specific: Map<number, number>;
  /** Where its stack in the guest's memory begins and ends. */
  readonly top: number;
  readonly bottom: number;
  /** What `__stack_pointer` is when it goes on. */
  stackPointer: number;
}

/** A thread that waits until a time. */
interface TimedWait {
  /** As performance.now() has it. */
  readonly deadline: number;
  readonly onDeadline: () => void;
}

export type Resume<Value> = (value: Value) => void;

/** How a wait may end, but for what is waited for. */
export interface WaitEnds<Value> {
  /** As performance.now() has it; Infinity for never. */
  readonly deadline: number;
  /** What the thread goes on with at that time. */
  readonly late: Value;
  /** What it goes on with when a signal comes, if it does; as in every process, that is for the main thread. */
  readonly interrupted: Value | undefined;
}

export class Threads {
  readonly #events: EventPoll;
  #exports!: InterpreterExports;
  #current!: Thread;
  #main!: Thread;
  /** Ends the main thread's wait. */
  #interruptMain: (() => void) | undefined;
  /** A signal came while the main thread did not wait. */
  #isInterrupted = false;
  #lastId = FIRST_ID;
  readonly #runnable: { thread: Thread; go: () => void }[] = [];
  readonly #waits = new Set<TimedWait>();
  /** Who waits for a lock: called to look whether it is free. */
  readonly #locks = new Set<() => void>();
  #sliceEnd = 0;
  #ran: { outcome?: Promise<unknown> } = {};
  /** Called as soon as the thread that runs waits or has ended. */
  #onPause: () => void = () => {};
  readonly #descriptors = new Map<Descriptor, DescriptorWait>();

  constructor(events: EventPoll) {
    this.#events = events;
  }

  get currentId(): number {
    return this.#current.id;
  }

  get specific(): Map<number, number> {
    return this.#current.specific;
  }

  /** Are others, and what comes from outside, to be looked after now? */
  get isSliceOver(): boolean {
    return performance.now() >= this.#sliceEnd;
  }

  /**
   * Runs the guest's main thread, and all that it starts; resolves with what it returns.
   * @param specific - its values by key, where it goes on from a snapshot
   */
  async run<Result>(
    exports: InterpreterExports,
    main: () => Promise<Result>,
    specific: Iterable<readonly [number, number]> = [],
  ): Promise<Result> {
    this.#exports = exports;
    const ran: { outcome?: Promise<unknown> } = {};
    this.#ran = ran;
    const top = exports.emscripten_stack_get_base();
    setFlagsFromString(`--wasm-stack-switching-stack-size=${V8_STACK_SIZE}`);
    this.#main = this.#add({
      top,
      bottom: Math.max(exports.emscripten_stack_get_end(), top - STACK_SIZE),
      stackPointer: exports.__stack_pointer.value,
      specific: new Map(specific),
      begin: () => this.#end(main()),
    });
    while (ran.outcome === undefined) await this.#turn();
    return (await ran.outcome) as Result;
  }

  /** What the guest ends with: its main thread, or one that fails or leaves it (_exit(2)). */
  #end(outcome: Promise<unknown>): void {
    const end = (): void => {
      this.#ran.outcome ??= outcome;
      this.#onPause();
    };
    outcome.then(end, end);
  }

  /** Starts `function_(argument)` on a stack of its own; undefined where there is no memory for that. */
  start(function_: number, argument: number): number | undefined {
    const bottom = this.#exports.malloc(STACK_SIZE);
    if (bottom === 0) return undefined;
    const top = bottom + STACK_SIZE;
    const enter = WebAssembly.promising(
      this.#exports.__indirect_function_table.get(function_) as (argument: number) => number,
    );
    return this.#add({
      top,
      bottom,
      stackPointer: (top - STACK_ALIGNMENT) & ~(STACK_ALIGNMENT - 1),
      specific: new Map(),
      begin: () => {
        const outcome = enter(argument);
        const end = (): void => {
          this.#exports.free(bottom);
          this.#onPause();
        };
        outcome.then(end, () => this.#end(outcome));
      },
    }).id;
  }

  /** What the running thread gives V8 to be suspended; it goes on with what `resume` is called with. */
  suspend<Value>(arm: (resume: Resume<Value>) => void): Promise<Value> {
    const thread = this.#current;
    thread.stackPointer = this.#exports.__stack_pointer.value;
    const { promise, resolve } = Promise.withResolvers<Value>();
    arm((value) => this.#runnable.push({ thread, go: () => resolve(value) }));
    this.#onPause();
    return promise;
  }

  /** The same, at most until a time, or a signal; `arm` returns how the wait is given up. */
  wait<Value>(ends: WaitEnds<Value>, arm: (resume: Resume<Value>) => () => void): Promise<Value> {
    const isMain = this.#current === this.#main;
    const { interrupted } = ends;
    if (isMain && this.#isInterrupted && interrupted !== undefined) {
      this.#isInterrupted = false;
      return this.suspend<Value>((resume) => resume(interrupted));
    }
    return this.suspend<Value>((resume) => {
      const goOn = (value: Value): void => {
        this.#waits.delete(timed);
        if (isMain) this.#interruptMain = undefined;
        resume(value);
      };
      const end = (value: Value): void => {
        giveUp();
        goOn(value);
      };
      const timed: TimedWait = { deadline: ends.deadline, onDeadline: () => end(ends.late) };
      const giveUp = arm(goOn);
      if (ends.deadline !== Infinity) this.#waits.add(timed);
      if (isMain && interrupted !== undefined) this.#interruptMain = () => end(interrupted);
    });
  }

  /** A signal has come: the main thread goes on to look at it, now if it waits, else before it does. */
  interrupt(): void {
    if (this.#interruptMain === undefined) this.#isInterrupted = true;
    else this.#interruptMain();
  }

  /** Lets the others go first. */
  yield(): Promise<void> {
    return this.suspend<void>((resume) => resume());
  }

  /** Waits for a semaphore of CPython; its address. Nanoseconds, or less than 0 for ever. */
  acquire(semaphore: number, nanoseconds: bigint): number | Promise<number> {
    return this.#acquire(() => this.#take(semaphore), Number(nanoseconds) / 1e6, PARK);
  }

  /** The same of a lock (PyThread_acquire_lock_timed); microseconds. Whether a signal ends the wait is the caller's. */
  acquireLock(lock: number, microseconds: bigint, isInterruptible: boolean): number | Promise<number> {
    const take = (): boolean => {
      const view = new DataView(this.#exports.memory.buffer);
      if (view.getUint8(lock) !== 0) return false;
      view.setUint8(lock, 1);
      return true;
    };
    return this.#acquire(take, Number(microseconds) / 1e3, isInterruptible ? LOCK : UNINTERRUPTED_LOCK);
  }

  #acquire(
    take: () => boolean,
    ms: number,
    results: { ok: number; timeout: number; interrupted: number | undefined },
  ): number | Promise<number> {
    if (take()) return results.ok;
    if (ms === 0) return results.timeout;
    const deadline = ms < 0 ? Infinity : performance.now() + ms;
    const ends = { deadline, late: results.timeout, interrupted: results.interrupted };
    return this.wait<number>(ends, (resume) => {
      const look = (): void => {
        if (!take()) return;
        this.#locks.delete(look);
        resume(results.ok);
      };
      this.#locks.add(look);
      return () => this.#locks.delete(look);
    });
  }

  /** Calls back once, as soon as a descriptor is ready for one of the events. Returns how to give that up. */
  onReady(descriptor: Descriptor, events: number, callback: () => void): () => void {
    if (descriptor instanceof MemoryPipe) return descriptor.onReady(events, callback);
    const wait = this.#descriptors.get(descriptor) ?? new DescriptorWait(this.#events, descriptor);
    this.#descriptors.set(descriptor, wait);
    return wait.add(events, callback);
  }

  /** A descriptor is closed: who waits for it is told. */
  forget(descriptor: Descriptor): void {
    this.#descriptors.get(descriptor)?.close();
    this.#descriptors.delete(descriptor);
  }

  #add({ begin, ...state }: Omit<Thread, 'id'> & { begin: () => void }): Thread {
    const thread = { id: (this.#lastId += FIRST_ID), ...state };
    this.#runnable.push({ thread, go: begin });
    return thread;
  }

  #take(semaphore: number): boolean {
    const view = new DataView(this.#exports.memory.buffer);
    const counter = view.getInt32(semaphore + COUNTER_OFFSET, true);
    if (counter <= 0) return false;
    view.setInt32(semaphore + COUNTER_OFFSET, counter - 1, true);
    return true;
  }

  async #turn(): Promise<void> {
    for (const look of this.#locks) look();
    const events = this.#events;
    events.wait(this.#runnable.length > 0 ? 0 : this.#patience());
    if (events.isHostDue) await events.hostTurn();
    this.#wakeLate();
    const next = this.#runnable.shift();
    if (next === undefined) return;
    const { thread, go } = next;
    const paused = Promise.withResolvers<void>();
    this.#onPause = paused.resolve;
    this.#current = thread;
    this.#exports.__stack_pointer.value = thread.stackPointer;
    this.#exports.emscripten_stack_set_limits(thread.top, thread.bottom);
    this.#sliceEnd = performance.now() + SLICE_MS;
    go();
    await paused.promise;
  }

  #patience(): number {
    let deadline = Infinity;
    for (const wait of this.#waits) deadline = Math.min(deadline, wait.deadline);
    return Math.max(0, deadline - performance.now());
  }

  #wakeLate(): void {
    if (this.#waits.size === 0) return;
    const now = performance.now();
    for (const wait of this.#waits.values().toArray()) if (wait.deadline <= now) wait.onDeadline();
  }
}

/** All threads that wait for one descriptor. */
class DescriptorWait {
  readonly #watch: Watch;
  readonly #waiting = new Map<() => void, number>();

  constructor(events: EventPoll, descriptor: Descriptor) {
    this.#watch = events.watch(descriptor, 0, (ready) => this.#tell(ready));
  }

  add(events: number, callback: () => void): () => void {
    this.#waiting.set(callback, events);
    this.#update();
    return () => {
      this.#waiting.delete(callback);
      this.#update();
    };
  }

  close(): void {
    this.#watch[Symbol.dispose]();
    for (const callback of this.#waiting.keys().toArray()) callback();
    this.#waiting.clear();
  }

  /** Errors and hang-ups, which nobody asked for, are for everybody. */
  #tell(ready: number): void {
    for (const [callback, events] of this.#waiting.entries().toArray()) {
      if ((ready & events) === 0 && (ready & ~POLL_DATA) === 0) continue;
      this.#waiting.delete(callback);
      callback();
    }
    this.#update();
  }

  #update(): void {
    this.#watch.change([...this.#waiting.values()].reduce((all, events) => all | events, 0));
  }
}

/** POLLIN, POLLPRI and POLLOUT (poll(2)). */
const POLL_DATA = 1 | 2 | 4;
