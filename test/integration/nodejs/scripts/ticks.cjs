// process.nextTick: values, order, numbers and objects of ticks, errors in them, more of them than there was room for.
'use strict';
const {
  AsyncLocalStorage,
  createHook,
  executionAsyncId,
  executionAsyncResource,
  triggerAsyncId,
} = require('node:async_hooks');

const tell = (...values) => console.log(JSON.stringify(values));
const shapeOf = (resource) => [
  Object.keys(resource),
  resource.args,
  Object.getOwnPropertySymbols(resource).length,
];

tell('function', process.nextTick.name, process.nextTick.length);
for (const wrong of [undefined, null, 1, 'text', {}]) {
  try {
    process.nextTick(wrong);
  } catch ({ name, code, message }) {
    tell('refused', name, code, message);
  }
}

const isSloppyGlobal = function () {
  return this === undefined || this === globalThis;
};
process.nextTick(function () {
  tell('no values', arguments.length, isSloppyGlobal.call(this));
});
process.nextTick(function () {
  tell('undefined is a value', arguments.length);
}, undefined);
process.nextTick((...values) => tell('values', values), 1, 2, 3, 4, 5, 6);

const main = executionAsyncId();
process.nextTick(() => {
  const id = executionAsyncId();
  tell('numbers', id > main, triggerAsyncId() === main);
  const resource = executionAsyncResource();
  tell('object', shapeOf(resource), resource === executionAsyncResource());
  resource.own = 'kept';
  process.nextTick(() => tell('trigger', triggerAsyncId() === id, executionAsyncResource().own));
  Promise.resolve().then(() => tell('job after ticks'));
  queueMicrotask(() => tell('microtask'));
  process.nextTick(() => tell('tick before jobs'));
}, 'argument');

const storage = new AsyncLocalStorage();
storage.run('outer', () => {
  process.nextTick(() => {
    tell('store', storage.getStore());
    storage.run('inner', () => process.nextTick(() => tell('store', storage.getStore())));
    process.nextTick(() => tell('store', storage.getStore()));
  });
});
process.nextTick(() => tell('no store', storage.getStore()));

const hooked = () => {
  const told = [];
  const ids = new Map();
  const hook = createHook({
    init: (id, type, trigger, resource) => {
      if (type !== 'TickObject') return;
      ids.set(id, ids.size);
      told.push(['init', ids.get(id), shapeOf(resource), executionAsyncId() === trigger]);
    },
    before: (id) => ids.has(id) && told.push(['before', ids.get(id), executionAsyncId() === id]),
    after: (id) => ids.has(id) && told.push(['after', ids.get(id), executionAsyncId() === id]),
    destroy: (id) => ids.has(id) && told.push(['destroy', ids.get(id)]),
  }).enable();
  process.nextTick(() => {
    told.push(['runs', shapeOf(executionAsyncResource())]);
    process.nextTick(() => told.push(['inner runs']));
  }, 'argument');
  setTimeout(() => {
    hook.disable();
    for (const each of told) tell('hook', ...each);
    throwing();
  }, 5);
};

const throwing = () => {
  const order = [];
  process.on('uncaughtException', ({ message }) => {
    order.push(message);
    tell('uncaught', message, executionAsyncId() > 0, shapeOf(executionAsyncResource()), storage.getStore());
    process.nextTick(() => order.push('of the handler'));
  });
  storage.run('thrown in', () => {
    process.nextTick(() => {
      process.nextTick(() => order.push('asked for before'));
      throw new Error('first');
    }, 'with a value');
  });
  process.nextTick(() => order.push('next'));
  process.nextTick(() => {
    throw new Error('second');
  });
  setTimeout(() => {
    tell('order', order);
    many();
  }, 5);
};

const many = () => {
  let sum = 0;
  let ran = 0;
  const add = (value) => {
    sum += value;
    ran += 1;
    if (ran < 5000 && ran % 3 === 0) for (let count = 0; count < 2; count += 1) process.nextTick(add, 1);
  };
  for (let index = 0; index < 3000; index += 1) process.nextTick(add, index);
  setImmediate(() => {
    tell('many', ran, sum);
    process.on('exit', () => {
      process.nextTick(() => tell('never'));
      tell('exit');
    });
    process.exit(0);
  });
};
setTimeout(hooked, 5);
