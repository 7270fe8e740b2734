/** `internalBinding('task_queue')` and `('errors')`: jobs of promises, ticks, and what nobody has caught. */
import { emitDestroyed } from '../async-ids.ts';
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols } from '../constants.ts';
import { reportOf } from '../error-report.ts';
import type { StackEnhancer } from '../error-report.ts';
import { usePrepareCallback } from '../error-stacks.ts';
import { native } from '../engine-gaps.ts';
import { host } from '../host.ts';
import { sourceMaps } from '../source-lines.ts';

/** env.h, TickInfo::Fields. */
const HAS_TICK_SCHEDULED = 0;
const HAS_REJECTION_TO_WARN = 1;
/** env.h, ExitInfo fields. */
const HAS_EXIT_CODE = 2;
const EXIT_CODE = 1;

const tickInfo = new Uint8Array(2);
let processTicks: (() => void) | undefined;
let enhancers: readonly StackEnhancer[] = [];
let process: NodeJS.Process & Record<PropertyKey, unknown>;

/** node_task_queue.cc, promiseRejectEvents: what is told of promises. */
const REJECTED = 0;
const HANDLED = 1;

export const useProcess = (given: typeof process): void => {
  process = given;
  host.useTickInfo(tickInfo, process[privateSymbols['exit_info_private_symbol']!] as Int32Array);
};

export const createTaskQueue = (): Binding => ({
  tickInfo,
  promiseRejectEvents: {
    kPromiseRejectWithNoHandler: REJECTED,
    kPromiseHandlerAddedAfterReject: HANDLED,
    kPromiseResolveAfterResolved: 2,
    kPromiseRejectAfterResolved: 3,
  },
  enqueueMicrotask: (job: () => void) => {
    native.queueMicrotask(() => runJob(job));
  },
  runMicrotasks: host.runMicrotasks,
  // Besides Node's own, for what library-patches.ts takes out of the library.
  nextTick: Object.defineProperties(host.nextTick, {
    name: { value: 'nextTick', configurable: true },
    length: { value: 1, configurable: true },
  }),
  useTicks: host.useTicks,
  hasTicks: host.hasTicks,
  runTicks: host.runTicks,
  setTickCallback: (callback: () => void) => {
    processTicks = callback;
  },
  setPromiseRejectCallback: (callback: (type: number, promise: unknown, reason: unknown) => void) => {
    host.setRejectionCallback((promise, reason, isHandled) =>
      callback(isHandled ? HANDLED : REJECTED, promise, isHandled ? undefined : reason),
    );
  },
});

const runJob = (job: () => void): undefined => {
  try {
    job();
  } catch (error) {
    uncaught(error);
  }
  return undefined;
};

/** What has to be done after each callback (InternalCallbackScope::Close). */
export const afterCallback = (): void => {
  for (;;) {
    try {
      if (tickInfo[HAS_TICK_SCHEDULED] === 0) {
        host.runMicrotasks();
      }
      if (tickInfo[HAS_TICK_SCHEDULED] === 0 && tickInfo[HAS_REJECTION_TO_WARN] === 0) break;
      processTicks!.call(process);
    } catch (error) {
      uncaught(error);
    }
  }
  emitDestroyed();
};

/** errors::TriggerUncaughtException: the library decides; where nobody handles it, that is the end. */
export const uncaught = (error: unknown, fromPromise = false): void => {
  const handler = process['_fatalException'] as (error: unknown, fromPromise: boolean) => boolean;
  let isHandled: boolean;
  try {
    isHandled = handler.call(process, error, fromPromise);
  } catch (another) {
    report(another);
    host.exit(7);
  }
  host.clearAsyncContexts();
  if (isHandled) return;
  report(error, !fromPromise);
  const exitInfo = process[privateSymbols['exit_info_private_symbol']!] as Int32Array;
  host.exit(exitInfo[HAS_EXIT_CODE] === 1 ? exitInfo[EXIT_CODE]! : 1);
};

const report = (error: unknown, isThrown = true): void => {
  let text: string;
  try {
    text = reportOf(error, isThrown, enhancers);
  } catch {
    text = 'Uncaught: an object that cannot be shown\n';
  }
  if (isOutOfMemory(error)) text += 'More memory for the app: wasmrun os --memory SIZE\n';
  host.printText(2, text);
};

/** What QuickJS throws at the limit of its memory. */
const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && error.name === 'InternalError' && error.message === 'out of memory';

export const createErrors = (): Binding => ({
  hideFrames: host.hideFrames,
  exitCodes: shapedBinding('errors')['exitCodes'],
  setPrepareStackTraceCallback: usePrepareCallback,
  setGetSourceMapErrorSource: sourceMaps.use,
  setSourceMapsEnabled: sourceMaps.enable,
  setMaybeCacheGeneratedSourceMap: () => undefined,
  setEnhanceStackForFatalException: (...given: StackEnhancer[]) => {
    enhancers = given;
  },
  noSideEffectsToString: (value: unknown) => {
    try {
      return String(value);
    } catch {
      return '';
    }
  },
  triggerUncaughtException: uncaught,
  getErrorSourcePositions: () => undefined,
});
