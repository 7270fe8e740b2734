'use strict';
/** Makes far more than fits into the memory, all of it out of reach: contexts that only their own promises know of. */
const { AsyncLocalStorage, createHook } = require('node:async_hooks');
const { setImmediate } = require('node:timers/promises');

const COUNT = 25_000;
const SIZE = 4096;
const storage = new AsyncLocalStorage();

const leaveBehind = () => {
  const store = { bytes: new Uint8Array(SIZE) };
  storage.run(store, () => {
    store.pending = new Promise((resolve) => {
      store.resolve = resolve;
    });
    void store.pending.then(() => store);
    store.waiting = (async () => {
      await store.pending;
      return store;
    })();
  });
};

const main = async () => {
  for (const hook of [undefined, createHook({ init() {} })]) {
    hook?.enable();
    for (let index = 0; index < COUNT; index += 1) {
      leaveBehind();
      await storage.run(index, async () => null);
      if (index % 1000 === 0) await setImmediate();
    }
    hook?.disable();
  }
  console.log('done', storage.getStore());
};
void main();
