/**
 * Which asynchronous operation is running: the part of Node's AsyncHooks (src/env.h) and of V8's
 * continuation-preserved data that lies outside the JavaScript library.
 */
import { enterScope, leaveScope, takeError } from './callback-scope.ts';
import { shapedBinding } from './binding-shape.ts';
import { symbols } from './constants.ts';
import { host } from './host.ts';

const shape = shapedBinding('async_wrap');
const constants = shape['constants'] as Record<string, number>;

/** env.h, AsyncHooks::Fields and UidFields. */
const STACK_LENGTH = constants['kStackLength']!;
const BEFORE = constants['kBefore']!;
const AFTER = constants['kAfter']!;
const INIT = constants['kInit']!;
const EXECUTION_ID = constants['kExecutionAsyncId']!;
const TRIGGER_ID = constants['kTriggerAsyncId']!;
const ID_COUNTER = constants['kAsyncIdCounter']!;
const DEFAULT_TRIGGER_ID = constants['kDefaultTriggerAsyncId']!;

export const fields = shape['async_hook_fields'] as Uint32Array;
export const ids = shape['async_id_fields'] as Float64Array;
const resources: unknown[] = [];
let stack = shape['async_ids_stack'] as Float64Array;
fields[constants['kCheck']!] = 1;
ids[ID_COUNTER] = 1;
ids[DEFAULT_TRIGGER_ID] = -1;

const ASYNC_ID = symbols['async_id_symbol']!;
/** Where a resource keeps the frame it was made in. */
const FRAME = Symbol('frame');
const TRIGGER_ASYNC_ID = symbols['trigger_async_id_symbol']!;

interface Hooks {
  init?(id: number, type: string, triggerId: number, resource: object): void;
  before?(id: number): void;
  after?(id: number): void;
  destroy?(id: number): void;
}

let hooks: Hooks = {};
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
  asyncReset(type: string): void {
    const id = (ids[ID_COUNTER] = ids[ID_COUNTER]! + 1);
    const wanted = ids[DEFAULT_TRIGGER_ID]!;
    const triggerId = wanted < 0 ? ids[EXECUTION_ID]! : wanted;
    this[ASYNC_ID] = id;
    this[TRIGGER_ASYNC_ID] = triggerId;
    this[FRAME] = host.currentFrame();
    if (fields[INIT]! > 0) hooks.init?.(id, type, triggerId, this);
  }

  getAsyncId(): number {
    return this[ASYNC_ID] as number;
  }

  getProviderType(): number {
    return 0;
  }

  /** Calls a callback in the context of this resource (AsyncWrap::MakeCallback). */
  makeCallback(callback: (...values: never[]) => unknown, ...values: unknown[]): unknown {
    enterContext(this);
    try {
      if (trampoline !== undefined && fields[BEFORE]! + fields[AFTER]! > 0) {
        return trampoline.call(this, this[ASYNC_ID] as number, this, callback, ...values);
      }
      return callback.apply(this, values as never[]);
    } catch (error) {
      if (!takeError(error)) throw error;
      return undefined;
    } finally {
      leaveContext();
    }
  }
}

const priorFrames: unknown[] = [];

/** What follows happens in the context of a resource, as a call from outside. */
export const enterContext = (resource: AsyncWrap): void => {
  enterScope();
  priorFrames.push(host.exchangeFrame(resource[FRAME]));
  pushContext(resource[ASYNC_ID] as number, resource[TRIGGER_ASYNC_ID] as number, resource);
};

export const leaveContext = (): void => {
  popContext();
  host.exchangeFrame(priorFrames.pop());
  leaveScope();
};

export const pushContext = (id: number, triggerId: number, resource: unknown): void => {
  const offset = fields[STACK_LENGTH]!;
  if (offset * 2 >= stack.length) {
    const larger = new Float64Array(stack.length * 3);
    larger.set(stack);
    stack = larger;
    asyncWrapBinding['async_ids_stack'] = stack;
  }
  resources[offset] = resource;
  stack[offset * 2] = ids[EXECUTION_ID]!;
  stack[offset * 2 + 1] = ids[TRIGGER_ID]!;
  fields[STACK_LENGTH] = offset + 1;
  ids[EXECUTION_ID] = id;
  ids[TRIGGER_ID] = triggerId;
};

export const popContext = (_id?: number): boolean => {
  const length = fields[STACK_LENGTH]!;
  // The stack was cleared after an uncaught exception.
  if (length === 0) return false;
  const offset = length - 1;
  ids[EXECUTION_ID] = stack[offset * 2]!;
  ids[TRIGGER_ID] = stack[offset * 2 + 1]!;
  resources.length = offset;
  fields[STACK_LENGTH] = offset;
  return offset > 0;
};

export const clearStack = (): void => {
  ids[EXECUTION_ID] = 0;
  ids[TRIGGER_ID] = 0;
  fields[STACK_LENGTH] = 0;
  resources.length = 0;
};

export const asyncWrapBinding: Record<string, unknown> = {
  async_hook_fields: fields,
  async_id_fields: ids,
  async_ids_stack: stack,
  execution_async_resources: resources,
  constants,
  Providers: shape['Providers'],
  setupHooks: (given: Hooks) => {
    hooks = given;
  },
  setCallbackTrampoline: (given: typeof trampoline) => {
    trampoline = given;
  },
  pushAsyncContext: (id: number, triggerId: number) =>
    pushContext(id, triggerId, resources[fields[STACK_LENGTH]!]),
  popAsyncContext: popContext,
  executionAsyncResource: (index: number) => resources[index],
  clearAsyncIdStack: clearStack,
  queueDestroyAsyncId: (id: number) => {
    if (hooks.destroy !== undefined && fields[constants['kDestroy']!]! > 0) {
      destroyed.push(id);
    }
  },
  registerDestroyHook: () => undefined,
  setPromiseHooks: () => undefined,
  getPromiseHooks: () => [undefined, undefined, undefined, undefined],
};

const destroyed: number[] = [];

/** Tells the destroy hooks what has ended since the last time. */
export const emitDestroyed = (): void => {
  while (destroyed.length > 0) for (const id of destroyed.splice(0)) hooks.destroy?.(id);
};

export const createAsyncWrap = (): Record<string, unknown> => asyncWrapBinding;

export const createAsyncContextFrame = (): Record<string, unknown> => ({
  getContinuationPreservedEmbedderData: host.currentFrame,
  setContinuationPreservedEmbedderData: host.exchangeFrame,
});
