/** `internalBinding('timers')`: one timer of the engine for all of the library's, and its immediates. */
import type { Binding } from '../binding-shape.ts';
import { uncaught } from './task-queue.ts';
import { runCallback } from '../callback-scope.ts';
import { host } from '../host.ts';

/** env.h, ImmediateInfo::Fields. */
const COUNT = 0;
const REF_COUNT = 1;
const HAS_OUTSTANDING = 2;

let processImmediate: (() => void) | undefined;
let processTimers: ((now: number) => number) | undefined;
const immediateInfo = new Uint32Array(3);
const timeoutInfo = new Int32Array(1);
/** Work of the bindings that is done before the next immediates. */
let deferred: (() => void)[] = [];

/** Milliseconds since the engine started, whole ones as libuv has them. */
const libuvNow = (): number => Math.floor(host.now());

export const createTimers = (): Binding => ({
  immediateInfo,
  timeoutInfo,
  setupTimers: (immediate: () => void, timers: (now: number) => number) => {
    processImmediate = immediate;
    processTimers = timers;
  },
  getLibuvNow: libuvNow,
  scheduleTimer: (milliseconds: number) => host.setTimer(milliseconds),
  toggleTimerRef: (isRef: boolean) => host.refTimer(isRef),
  toggleImmediateRef: (isRef: boolean) => host.refImmediate(isRef),
});

/** Timeouts and immediates that keep the app alive. */
export const activeTimers = (): readonly [timeouts: number, immediates: number] => [
  timeoutInfo[0]!,
  immediateInfo[REF_COUNT]!,
];

/** Calls `action` when the guest is entered next, as an operation that ended would be. */
export const defer = (action: () => void): void => {
  deferred.push(action);
  host.wake();
};

export const hasDeferred = (): boolean => deferred.length > 0;

export const takeDeferred = (): readonly (() => void)[] => {
  const taken = deferred;
  deferred = [];
  return taken;
};

/** A timer that throws does not keep the others from running. */
const untilNoneThrows = (run: () => number): number => {
  for (;;) {
    try {
      return run();
    } catch (error) {
      uncaught(error);
    }
  }
};

/** Timers that are due; the engine's timer is set for the next one (RunTimers in env.cc). */
export const runTimers = (): void => {
  const next = untilNoneThrows(() => processTimers!(libuvNow()));
  if (next === 0) return;
  host.setTimer(Math.max(1, Math.abs(next) - libuvNow()));
  host.refTimer(next > 0);
};

/** CheckImmediate in env.cc: those that one which threw has left over follow at once. */
export const runImmediates = (): void => {
  if (immediateInfo[COUNT] === 0) return;
  do runCallback(processImmediate!);
  while (immediateInfo[HAS_OUTSTANDING] === 1);
  if (immediateInfo[REF_COUNT] === 0) host.refImmediate(false);
};

export const hasImmediates = (): boolean => immediateInfo[COUNT]! > 0;
