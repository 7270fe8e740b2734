/** `internalBinding('task_queue')` and `('errors')`: jobs of promises, ticks, and what nobody has caught. */
import { clearStack, emitDestroyed } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { privateSymbols } from '../constants.ts';
import { usePrepareCallback } from '../error-stacks.ts';
import { native } from '../engine-gaps.ts';
import { host } from '../host.ts';

/** env.h, TickInfo::Fields. */
const HAS_TICK_SCHEDULED = 0;
const HAS_REJECTION_TO_WARN = 1;
/** env.h, ExitInfo fields. */
const HAS_EXIT_CODE = 2;
const EXIT_CODE = 1;

const tickInfo = new Uint8Array(2);
let processTicks: (() => void) | undefined;
let enhanceStack: ((error: unknown) => void)[] = [];
let process: NodeJS.Process & Record<PropertyKey, unknown>;

/** node_task_queue.cc, promiseRejectEvents: what is told of promises. */
const REJECTED = 0;
const HANDLED = 1;

export const useProcess = (given: typeof process): void => {
  process = given;
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
  clearStack();
  if (isHandled) return;
  report(error);
  const exitInfo = process[privateSymbols['exit_info_private_symbol']!] as Int32Array;
  host.exit(exitInfo[HAS_EXIT_CODE] === 1 ? exitInfo[EXIT_CODE]! : 1);
};

/** As Node prints what nobody has caught. */
const report = (error: unknown): void => {
  for (const enhance of enhanceStack) {
    try {
      enhance(error);
    } catch {
      // The stack stays as it is.
    }
  }
  host.printText(2, `${describe(error)}\n\nNode.js ${process.version}\n`);
};

const describe = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return `Uncaught:\n${String(error)}`;
  try {
    const { stack } = error as Error;
    const arrow = (error as Record<PropertyKey, unknown>)[privateSymbols['arrow_message_private_symbol']!];
    const text = typeof stack === 'string' ? headed(error as Error, stack) : String(error);
    return typeof arrow === 'string' ? `${arrow}\n${text}` : text;
  } catch {
    return 'Uncaught: an object that cannot be shown';
  }
};

/** QuickJS leaves name and message out of the stack. */
const headed = ({ name, message }: Error, stack: string): string =>
  stack.includes(message) ? stack : `${name}${message === '' ? '' : `: ${message}`}\n${stack}`;

export const createErrors = (): Binding => ({
  exitCodes: shapedBinding('errors')['exitCodes'],
  setPrepareStackTraceCallback: usePrepareCallback,
  setGetSourceMapErrorSource: () => undefined,
  setSourceMapsEnabled: () => undefined,
  setMaybeCacheGeneratedSourceMap: () => undefined,
  setEnhanceStackForFatalException: (before: (error: unknown) => void, after: (error: unknown) => void) => {
    enhanceStack = [before, after];
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
