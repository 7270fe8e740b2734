/**
 * Calls from outside into the app (InternalCallbackScope in api/callback.cc): when the outermost one returns, ticks and
 * jobs of promises are run; what it threw and nobody caught is the library's to decide about, and ticks and jobs then
 * wait for the next call.
 */
import { clearKeptObjects } from './kept-objects.ts';
import { afterCallback, uncaught } from './bindings/task-queue.ts';
import { host } from './host.ts';

let depth = 0;

export const enterScope = (): void => {
  depth += 1;
};

/** @param hasThrown - what nobody has caught, so that ticks have to wait; the library sees to it that a call follows */
export const leaveScope = (hasThrown = false): void => {
  depth -= 1;
  if (depth === 0) {
    // What runs now may be called from outside again: nobody is to take that for the outermost call.
    depth = 1;
    try {
      if (!hasThrown) afterCallback();
    } finally {
      clearKeptObjects();
      depth = 0;
    }
  }
};

/** Whether what was thrown has been taken care of: it has nobody else to go to. */
export const takeError = (error: unknown): boolean => {
  if (depth > 1) return false;
  uncaught(error);
  return true;
};

/** Calls back with all that belongs to it. */
export const runCallback = (callback: () => unknown): void => {
  enterScope();
  const prior = host.exchangeFrame(undefined);
  let hasThrown = true;
  try {
    callback();
    hasThrown = false;
  } catch (error) {
    if (!takeError(error)) throw error;
  } finally {
    host.exchangeFrame(prior);
    leaveScope(hasThrown);
  }
};
