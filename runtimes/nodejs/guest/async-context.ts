/**
 * Resources that go on later, each with its numbers and with the AsyncContextFrame it was made in (AsyncLocalStorage):
 * AsyncWrap of Node's src/async_wrap.cc. Promises take their frames along by themselves: native/async-context.c.
 */
import {
  constants,
  destroyWhenCollected,
  emitInit,
  endResource,
  fields,
  ids,
  newIds,
  queueDestroy,
  setHooks,
  shape,
  watchResource,
} from './async-ids.ts';
import { uncaught } from './bindings/task-queue.ts';
import { enterScope, leaveScope, takeError } from './callback-scope.ts';
import { symbols } from './constants.ts';
import { host } from './host.ts';

const BEFORE = constants['kBefore']!;
const AFTER = constants['kAfter']!;

const ASYNC_ID = symbols['async_id_symbol']!;
const TRIGGER_ASYNC_ID = symbols['trigger_async_id_symbol']!;
/** async_wrap.h, AsyncWrap::kInvalidAsyncId. */
const NO_ID = -1;
/** Where a resource keeps the frame it was made in. */
const FRAME = Symbol('frame');
/** What the library knows it as: itself, as a rule. */
const RESOURCE = Symbol('resource');

let trampoline:
  | ((id: number, resource: object, callback: unknown, ...values: unknown[]) => unknown)
  | undefined;

/** A resource that goes on later: every request and handle of the bindings. */
export class AsyncWrap {
  [key: PropertyKey]: unknown;

  constructor(type: string) {
    this.asyncReset(type);
  }

  /** It begins anew, as another operation; parsers are used again and again. */
  asyncReset(type: string, resource: object = this): void {
    const { id, triggerId } = newIds();
    watchResource(this, id, this[ASYNC_ID] as number | undefined);
    this[ASYNC_ID] = id;
    this[TRIGGER_ASYNC_ID] = triggerId;
    this[FRAME] = host.currentFrame();
    this[RESOURCE] = resource;
    emitInit(id, type, triggerId, resource);
  }

  /** It has ended, but may begin anew. */
  asyncDestroy(): void {
    endResource(this, this[ASYNC_ID] as number);
    this[ASYNC_ID] = undefined;
  }

  getAsyncId(): number {
    return (this[ASYNC_ID] as number | undefined) ?? NO_ID;
  }

  getProviderType(): number {
    return 0;
  }

  /** Calls a callback in the context of this resource (AsyncWrap::MakeCallback). */
  makeCallback(callback: (...values: never[]) => unknown, ...values: unknown[]): unknown {
    enterContext(this);
    let hasThrown = true;
    try {
      const result =
        trampoline !== undefined && fields[BEFORE]! + fields[AFTER]! > 0
          ? trampoline.call(this, this[ASYNC_ID] as number, this[RESOURCE] as object, callback, ...values)
          : callback.apply(this, values as never[]);
      hasThrown = false;
      return result;
    } catch (error) {
      if (!takeError(error)) throw error;
      return undefined;
    } finally {
      leaveContext(hasThrown);
    }
  }
}

/** The program itself is an operation, the first. */
const MAIN_ID = 1;

/** Calls the program, as `makeCallback` would. */
export const runMain = (program: () => void): void => {
  enterScope();
  priorFrames.push(host.exchangeFrame(undefined));
  host.pushAsyncContext(MAIN_ID, 0, {});
  try {
    program();
  } catch (error) {
    if (!takeError(error)) throw error;
  } finally {
    leaveContext();
  }
};

const priorFrames: unknown[] = [];

/** What follows happens in the context of a resource, as a call from outside. */
export const enterContext = (resource: AsyncWrap): void => {
  enterScope();
  priorFrames.push(host.exchangeFrame(resource[FRAME]));
  host.pushAsyncContext(
    resource[ASYNC_ID] as number,
    resource[TRIGGER_ASYNC_ID] as number,
    resource[RESOURCE],
  );
};

export const leaveContext = (hasThrown = false): void => {
  host.popAsyncContext();
  host.exchangeFrame(priorFrames.pop());
  leaveScope(hasThrown);
};

type PromiseHook = (promise: object, parent?: object) => void;

/** A hook of promises whose errors nobody catches. */
const guarded = (hook: PromiseHook | undefined): PromiseHook | undefined =>
  hook &&
  ((promise, parent) => {
    try {
      hook(promise, parent);
    } catch (error) {
      uncaught(error);
    }
  });

let promiseHooks: readonly (PromiseHook | undefined)[] = [undefined, undefined, undefined, undefined];

const asyncWrapBinding: Record<string, unknown> = {
  async_hook_fields: fields,
  async_id_fields: ids,
  execution_async_resources: [],
  constants,
  Providers: shape['Providers'],
  setupHooks: setHooks,
  setCallbackTrampoline: (given: typeof trampoline) => {
    trampoline = given;
  },
  executionAsyncResource: host.asyncContextResource,
  clearAsyncIdStack: host.clearAsyncContexts,
  queueDestroyAsyncId: queueDestroy,
  registerDestroyHook: destroyWhenCollected,
  // Besides Node's own, for what library-patches.ts takes out of the library.
  useHooks: (before: (id: number) => void, after: (id: number) => void) =>
    host.useAsyncHooks(before, after, queueDestroy),
  newAsyncId: host.nextAsyncId,
  getDefaultTriggerAsyncId: host.triggerAsyncId,
  pushAsyncContext: host.pushAsyncContext,
  popAsyncContext: host.popAsyncContext,
  emitBefore: host.emitBefore,
  emitAfter: host.emitAfter,
  emitDestroy: host.emitDestroy,
  setPromiseHooks: (...given: readonly (PromiseHook | undefined)[]) => {
    promiseHooks = given;
    host.setPromiseHooks(...given.map((hook) => guarded(hook)));
  },
  getPromiseHooks: () => promiseHooks,
};

export const createAsyncWrap = (): Record<string, unknown> => asyncWrapBinding;

export const createAsyncContextFrame = (): Record<string, unknown> => ({
  getContinuationPreservedEmbedderData: host.currentFrame,
  setContinuationPreservedEmbedderData: host.exchangeFrame,
});
