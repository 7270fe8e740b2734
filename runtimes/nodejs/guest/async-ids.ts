/**
 * Which asynchronous operation is running, by numbers, and whom async_hooks tells of them: the part of Node's
 * AsyncHooks (src/env.h) that lies outside the JavaScript library.
 */
import { shapedBinding } from './binding-shape.ts';
import { host } from './host.ts';

export const shape = shapedBinding('async_wrap');
export const constants = shape['constants'] as Record<string, number>;

/** env.h, AsyncHooks::Fields and UidFields, as native/async-ids.h has them. */
const NATIVE_CONSTANTS: Readonly<Record<string, number>> = {
  kInit: 0,
  kBefore: 1,
  kAfter: 2,
  kDestroy: 3,
  kStackLength: 7,
  kExecutionAsyncId: 0,
  kTriggerAsyncId: 1,
  kAsyncIdCounter: 2,
  kDefaultTriggerAsyncId: 3,
};
for (const [name, value] of Object.entries(NATIVE_CONSTANTS)) {
  if (constants[name] !== value) throw new Error(`${name} of this Node is ${constants[name]}, not ${value}`);
}

/** Shared with the library and with native/async-ids.c, which keeps the operations that are interrupted. */
export const fields = shape['async_hook_fields'] as Uint32Array;
export const ids = shape['async_id_fields'] as Float64Array;
host.useAsyncIds(fields, ids);
fields[constants['kCheck']!] = 1;
ids[constants['kAsyncIdCounter']!] = 1;
ids[constants['kDefaultTriggerAsyncId']!] = -1;

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
export const newIds = (): { readonly id: number; readonly triggerId: number } => ({
  id: host.nextAsyncId(),
  triggerId: host.triggerAsyncId(),
});

export const emitInit = (id: number, type: string, triggerId: number, resource: object): void => {
  if (fields[constants['kInit']!]! > 0) hooks.init?.(id, type, triggerId, resource);
};

const destroyed: number[] = [];

const hasDestroyHooks = (): boolean => fields[constants['kDestroy']!]! > 0;

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
