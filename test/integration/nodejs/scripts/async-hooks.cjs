'use strict';
/** What async_hooks tells of promises, timers and resources; numbers of resources by their order. */
const hooks = require('node:async_hooks');
const { EventEmitterAsyncResource } = require('node:events');
const timers = require('node:timers/promises');
const v8 = require('node:v8');
const { tell } = require('./tell.cjs');

const settled = () => new Promise((resolve) => setImmediate(setImmediate, resolve));

/** Watches the hooks of some types while an action runs. */
const watch = async (name, types, action) => {
  const names = new Map([
    [0, 'nothing'],
    [hooks.executionAsyncId(), 'here'],
  ]);
  const nameOf = (id) => names.get(id) ?? 'another';
  const events = [];
  let count = 0;
  const known = (event) => (id) => names.has(id) && nameOf(id) !== 'here' && events.push([event, nameOf(id)]);
  const hook = hooks
    .createHook({
      init(id, type, trigger, resource) {
        if (!types.includes(type)) return;
        names.set(id, `${type} ${(count += 1)}`);
        events.push(['init', nameOf(id), nameOf(trigger), nameOf(hooks.executionAsyncId()), typeof resource]);
      },
      before: known('before'),
      after: known('after'),
      promiseResolve: known('promiseResolve'),
    })
    .enable();
  const isOwn = () => events.push(['code', nameOf(hooks.executionAsyncId()), nameOf(hooks.triggerAsyncId())]);
  action(isOwn);
  hook.disable();
  // The hook is still there for what was begun.
  hook.enable();
  await timers.setTimeout(5);
  hook.disable();
  await settled();
  tell(name, events);
};

const main = async () => {
  tell('ids', [hooks.executionAsyncId() >= 0, hooks.triggerAsyncId() >= 0]);
  const resource = new hooks.AsyncResource('Kind', { triggerAsyncId: 7 });
  tell('resource', [resource.asyncId() > 1, resource.triggerAsyncId()]);
  tell(
    'in scope',
    resource.runInAsyncScope(
      function run(value) {
        return [
          this.self,
          value,
          hooks.executionAsyncId() === resource.asyncId(),
          hooks.triggerAsyncId(),
          hooks.executionAsyncResource() === resource,
        ];
      },
      { self: 1 },
      2,
    ),
  );
  const emitter = new EventEmitterAsyncResource({ name: 'Emitter', triggerAsyncId: 3 });
  emitter.on('event', () =>
    tell('emitter', [hooks.executionAsyncId() === emitter.asyncId, emitter.triggerAsyncId]),
  );
  emitter.emit('event');
  emitter.emitDestroy();
  tell('invalid', [() => new hooks.AsyncResource(), () => hooks.createHook({ init: 1 })].map((action) => {
    try {
      action();
    } catch (error) {
      return error.code;
    }
    return 'nothing';
  })); // prettier-ignore

  await watch('Promise.then', ['PROMISE'], (isOwn) => {
    Promise.resolve(1).then(isOwn).then(isOwn);
  });
  await watch('new Promise', ['PROMISE'], (isOwn) => {
    new Promise((resolve) => setTimeout(resolve, 1)).then(isOwn);
  });
  await watch('timeout', ['Timeout'], (isOwn) => {
    setTimeout(isOwn, 1);
  });
  await watch('immediate, tick, microtask', ['Immediate', 'TickObject', 'Microtask'], (isOwn) => {
    setImmediate(() => {
      isOwn();
      process.nextTick(isOwn);
    });
    queueMicrotask(isOwn);
  });
  await watch('resources', ['A', 'B'], (isOwn) => {
    const first = new hooks.AsyncResource('A');
    first.runInAsyncScope(() => {
      isOwn();
      new hooks.AsyncResource('B').runInAsyncScope(isOwn);
    });
    isOwn();
  });
  await watch('await', ['PROMISE'], (isOwn) => {
    const wait = async (promise) => {
      isOwn();
      await promise;
      isOwn();
      await promise;
      isOwn();
    };
    void wait(Promise.resolve());
  });
  await watch('await of a promise', ['PROMISE'], (isOwn) => {
    const promise = Promise.resolve();
    const wait = async () => {
      await promise;
      isOwn();
      return 1;
    };
    void wait().then(isOwn);
  });
  await watch('thenable', ['PROMISE'], (isOwn) => {
    Promise.resolve({
      then(resolve) {
        isOwn();
        resolve();
      },
    });
  });

  const destroyed = [];
  const hook = hooks.createHook({ init() {}, destroy: (id) => destroyed.push(id) }).enable();
  const manual = new hooks.AsyncResource('Manual', { requireManualDestroy: true });
  manual.emitDestroy();
  const timeout = setTimeout(() => {}, 1);
  const timeoutId = timeout[Symbol.toPrimitive]();
  await settled();
  tell('destroyed by hand', destroyed.includes(manual.asyncId()));
  await timers.setTimeout(5);
  tell('timeouts end', [typeof timeoutId, destroyed.length > 1]);
  hook.disable();

  const seen = [];
  const stop = v8.promiseHooks.createHook({
    init: (promise, parent) => seen.push(['init', promise instanceof Promise, parent instanceof Promise]),
    before: () => seen.push('before'),
    after: () => seen.push('after'),
    settled: () => seen.push('settled'),
  });
  const promise = Promise.resolve();
  promise.then(() => {});
  await promise;
  stop();
  tell('promise hooks', seen);

  // Who runs what, with nobody watching but for a hook that does nothing.
  const quiet = hooks.createHook({ init() {} }).enable();
  const before = hooks.executionAsyncId();
  await null;
  tell('another id after await', hooks.executionAsyncId() !== before);
  const resourceNow = hooks.executionAsyncResource();
  resourceNow.mark = 1;
  tell('resource of a promise', hooks.executionAsyncResource().mark);
  quiet.disable();
};
tell('top level', [hooks.executionAsyncId(), hooks.triggerAsyncId(), typeof hooks.executionAsyncResource()]);
void main();
