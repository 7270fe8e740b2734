/** `internalBinding('timers')`: one timer of the engine for all of the library's, and its immediates. */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';

/** env.h, ImmediateInfo::Fields. */
const IMMEDIATES = 0;
const REFERENCED = 1;

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
  scheduleTimer: (milliseconds: number) => host.setTimer(milliseconds, true),
  toggleTimerRef: (isRef: boolean) => host.refTimer(isRef),
  toggleImmediateRef: (isRef: boolean) => host.refImmediate(isRef),
});

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

/** Timers that are due; the engine's timer is set for the next one (RunTimers in env.cc). */
export const runTimers = (): void => {
  const next = processTimers!(libuvNow());
  if (next === 0) return;
  host.setTimer(Math.max(1, Math.abs(next) - libuvNow()), next > 0);
};

export const runImmediates = (): void => {
  if (immediateInfo[IMMEDIATES]! > 0) processImmediate!();
  // Only the first one is told of when it is made, and it is for us to tell of the last (env.cc, CheckImmediate).
  if (immediateInfo[REFERENCED] === 0) host.refImmediate(false);
};

export const hasImmediates = (): boolean => immediateInfo[IMMEDIATES]! > 0;
