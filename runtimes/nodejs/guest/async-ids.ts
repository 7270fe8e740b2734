/**
 * Which asynchronous operation is running, by numbers, and whom async_hooks tells of them: the part of Node's
 * AsyncHooks (src/env.h) that lies outside the JavaScript library.
 */
import { shapedBinding } from './binding-shape.ts';

export const shape = shapedBinding('async_wrap');
export const constants = shape['constants'] as Record<string, number>;

/** env.h, AsyncHooks::Fields and UidFields. */
const STACK_LENGTH = constants['kStackLength']!;
const DESTROY = constants['kDestroy']!;
const EXECUTION_ID = constants['kExecutionAsyncId']!;
const TRIGGER_ID = constants['kTriggerAsyncId']!;
const ID_COUNTER = constants['kAsyncIdCounter']!;
const DEFAULT_TRIGGER_ID = constants['kDefaultTriggerAsyncId']!;

/** Shared with the library. */
export const fields = shape['async_hook_fields'] as Uint32Array;
export const ids = shape['async_id_fields'] as Float64Array;
export const resources: unknown[] = [];
/** It grows: the library looks here each time. */
export const tables = { async_ids_stack: shape['async_ids_stack'] as Float64Array };
fields[constants['kCheck']!] = 1;
ids[ID_COUNTER] = 1;
ids[DEFAULT_TRIGGER_ID] = -1;

export interface Hooks {
  init?(id: number, type: string, triggerId: number, resource: object): void;
  before?(id: number): void;
  after?(id: number): void;
  destroy?(id: number): void;
}

let hooks: Hooks = {};

export const setHooks = (given: Hooks): void => {
  hooks = given;
};

/** The number of a new operation, and of the one it was started by. */
export const newIds = (): { readonly id: number; readonly triggerId: number } => {
  const id = (ids[ID_COUNTER] = ids[ID_COUNTER]! + 1);
  const wanted = ids[DEFAULT_TRIGGER_ID]!;
  return { id, triggerId: wanted < 0 ? ids[EXECUTION_ID]! : wanted };
};

export const emitInit = (id: number, type: string, triggerId: number, resource: object): void => {
  if (fields[constants['kInit']!]! > 0) hooks.init?.(id, type, triggerId, resource);
};

export const pushContext = (id: number, triggerId: number, resource: unknown): void => {
  const offset = fields[STACK_LENGTH]!;
  if (offset * 2 >= tables.async_ids_stack.length) {
    const larger = new Float64Array(tables.async_ids_stack.length * 3);
    larger.set(tables.async_ids_stack);
    tables.async_ids_stack = larger;
  }
  resources[offset] = resource;
  tables.async_ids_stack[offset * 2] = ids[EXECUTION_ID]!;
  tables.async_ids_stack[offset * 2 + 1] = ids[TRIGGER_ID]!;
  fields[STACK_LENGTH] = offset + 1;
  ids[EXECUTION_ID] = id;
  ids[TRIGGER_ID] = triggerId;
};

export const popContext = (): boolean => {
  const length = fields[STACK_LENGTH]!;
  // The stack was cleared after an uncaught exception.
  if (length === 0) return false;
  const offset = length - 1;
  ids[EXECUTION_ID] = tables.async_ids_stack[offset * 2]!;
  ids[TRIGGER_ID] = tables.async_ids_stack[offset * 2 + 1]!;
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

const destroyed: number[] = [];

const hasDestroyHooks = (): boolean => fields[DESTROY]! > 0;

export const queueDestroy = (id: number): void => {
  if (hasDestroyHooks()) destroyed.push(id);
};

/** Tells the destroy hooks what has ended since the last time. */
export const emitDestroyed = (): void => {
  while (destroyed.length > 0) for (const id of destroyed.splice(0)) hooks.destroy?.(id);
};

interface Watched {
  readonly id: number;
  /** Set by who has told the hooks already. */
  readonly state: { readonly destroyed: boolean } | undefined;
}

const collected = new FinalizationRegistry<Watched>(({ id, state }) => {
  if (state?.destroyed !== true) queueDestroy(id);
});

/** The destroy hooks are told when an object is collected. */
export const destroyWhenCollected = (object: object, id: number, state?: Watched['state']): void => {
  collected.register(object, { id, state }, object);
};

/** The same of a resource of the bindings, if anybody wants to know now. */
export const watchResource = (resource: object, id: number, priorId: number | undefined): void => {
  if (!hasDestroyHooks()) return;
  if (priorId !== undefined) endResource(resource, priorId);
  destroyWhenCollected(resource, id);
};

/** A resource has ended before it is collected. */
export const endResource = (resource: object, id: number): void => {
  collected.unregister(resource);
  queueDestroy(id);
};
