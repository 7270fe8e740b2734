'use strict';
/** What AsyncLocalStorage holds wherever code goes on later. */
const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { EventEmitter, EventEmitterAsyncResource, on, once } = require('node:events');
const fs = require('node:fs');
const timers = require('node:timers/promises');
const { PassThrough, pipeline } = require('node:stream');
const { promisify } = require('node:util');
const { tell } = require('./tell.cjs');

const storage = new AsyncLocalStorage();
const other = new AsyncLocalStorage({ defaultValue: 'default', name: 'other' });
/** What is in both, at a place. */
const note = (place) => tell(place, [storage.getStore(), other.getStore()]);
const noting = (place) => () => note(place);
const settled = () => new Promise((resolve) => setImmediate(setImmediate, resolve));

/** Independent cases; each begins when nothing of those before it is left. */
const CASES = {
  'run, exit, enterWith': async () => {
    note('before');
    const result = storage.run('a', (...values) => (note('run'), values), 1, 2);
    tell('result', result);
    note('after');
    storage.run('outer', () => {
      storage.run('inner', noting('nested'));
      note('outer again');
      storage.exit(() => {
        note('exit');
        queueMicrotask(noting('job of exit'));
      });
      other.run('both', noting('two stores'));
      other.run(undefined, noting('undefined is a value'));
      try {
        storage.run('throws', () => {
          throw new Error('thrown');
        });
      } catch {
        note('caught');
      }
      storage.enterWith('entered');
      note('entered');
    });
    note('entered is left');
    await storage.run('x', async () => {
      storage.enterWith('y');
      await null;
      note('entered before await');
      storage.enterWith('z');
      await null;
      note('entered after await');
    });
    note('after the function');
    storage.enterWith('for good');
    await null;
    note('stays across await');
    storage.disable();
    note('disabled');
    await null;
    note('disabled across await');
  },

  await: async () => {
    const deep = async (depth) => {
      await null;
      if (depth === 0) return note('deep');
      await deep(depth - 1);
      note(`depth ${depth}`);
      return undefined;
    };
    await storage.run('a', async () => {
      for (const value of [null, 1, Promise.resolve(), timers.setTimeout(1), settled()]) {
        await value;
        note('awaited');
      }
      await deep(3);
      await storage.run('b', () => deep(1));
      note('back in a');
    });
    note('outside');
  },

  'try, catch, finally': async () => {
    const fails = async () => {
      await null;
      throw new Error('later');
    };
    await storage.run('a', async () => {
      try {
        await fails();
      } catch {
        note('catch');
        try {
          await storage.run('b', fails);
        } catch {
          note('inner catch');
        } finally {
          await null;
          note('inner finally');
        }
      } finally {
        note('finally');
        await null;
        note('finally, later');
      }
      const value = await (async () => {
        try {
          return await fails();
        } catch {
          return 'from catch';
        } finally {
          await null;
        }
      })();
      note(value);
      await Promise.reject(new Error('at once')).catch(noting('rejected at once'));
      await fails().then(noting('never'), noting('second handler'));
      await fails().finally(noting('finally of a promise')).catch(noting('catch after finally'));
    });
  },

  reactions: async () => {
    let resolve;
    const promise = new Promise((done) => {
      resolve = done;
    });
    storage.run('a', () => promise.then(noting('then in a')));
    storage.run('b', () => promise.then(noting('then in b')).then(noting('chained in b')));
    promise.then(noting('then outside'));
    storage.run('c', async () => note(await promise));
    storage.run('resolver', resolve, 'awaited in c');
    storage.run('d', () => promise.then(noting('then of a settled one')));
    const passed = storage.run('e', () => promise.then());
    storage.run('f', () => passed.then(noting('behind one without handlers')));
    storage.run('g', () =>
      promise.then(() => storage.run('h', () => Promise.resolve())).then(noting('behind a promise')),
    );
    await settled();
    const handlers = [];
    const order = [];
    for (let index = 0; index < 5; index += 1) {
      const next = () => Promise.resolve().then(() => order.push(index));
      handlers.push(index % 2 === 0 ? storage.run(index, next) : next());
    }
    await Promise.all(handlers);
    tell('order', order);
  },

  thenables: async () => {
    const thenable = (name) => ({
      get then() {
        note(`${name}: get then`);
        return (resolve) => {
          note(`${name}: then`);
          resolve(name);
        };
      },
    });
    await storage.run('a', async () => {
      tell('value', await thenable('await'));
      note('after await');
      await Promise.resolve(thenable('resolve'));
      await Promise.all([thenable('all'), thenable('all too')]);
      return thenable('returned');
    });
    note('outside');
    class Own extends Promise {
      then(fulfilled, rejected) {
        note('then of a subclass');
        return super.then(fulfilled, rejected);
      }
    }
    await storage.run('b', async () => {
      await new Own((resolve) => resolve());
      note('after a subclass');
      await Own.resolve(1).then(noting('handler'));
    });
    const late = {
      then(resolve) {
        setTimeout(storage.run.bind(storage, 'inside', resolve), 1);
      },
    };
    await storage.run('c', async () => {
      await late;
      note('after a late one');
    });
  },

  combinators: async () => {
    const later = (value) => timers.setTimeout(1, value);
    const fails = () => later().then(() => Promise.reject(new Error('fails')));
    await storage.run('a', async () => {
      await Promise.all([1, later(2), storage.run('b', () => later(3))]);
      note('all');
      await Promise.allSettled([fails(), storage.run('c', fails)]);
      note('allSettled');
      await Promise.race([later(1), storage.run('d', () => null)]);
      note('race');
      await Promise.any([fails(), storage.run('e', () => later(1))]);
      note('any');
      await Promise.any([fails()]).catch(noting('any fails'));
      await Promise.try(noting('try'));
      const { promise, resolve } = Promise.withResolvers();
      storage.run('f', () => setTimeout(resolve, 1));
      await promise;
      note('withResolvers');
      await Array.fromAsync([later(1), 2], noting('fromAsync'));
    });
  },

  'generators and iterators': async () => {
    async function* numbers() {
      try {
        for (let index = 0; index < 3; index += 1) {
          note(`before yield ${index}`);
          await null;
          note(`yields ${index}`);
          yield index;
        }
      } finally {
        note('returns');
        await null;
        note('returned');
      }
    }
    const iterator = storage.run('first', () => numbers());
    await storage.run('second', () => iterator.next());
    await storage.run('third', () => iterator.next());
    note('between');
    await storage.run('fourth', () => iterator.return());
    const queued = numbers();
    await Promise.all(['p', 'q', 'r', 's'].map((name) => storage.run(name, () => queued.next())));
    await storage.run('a', async () => {
      for await (const number of numbers()) {
        note(`loop ${number}`);
        if (number === 1) break;
      }
      for await (const value of [1, Promise.resolve(2), timers.setTimeout(1, 3)]) note(`of a list ${value}`);
      const throwing = numbers();
      await throwing.next();
      await throwing.throw(new Error('into')).catch(noting('thrown into'));
      async function* delegating() {
        yield* numbers();
        yield* [8, Promise.resolve(9)];
      }
      for await (const value of delegating()) note(`delegated ${value}`);
      function* plain() {
        note('plain generator');
        yield 1;
        note('plain generator goes on');
      }
      const sync = plain();
      storage.run('b', () => sync.next());
      sync.next();
    });
  },

  classes: async () => {
    await storage.run('a', async () => {
      class Base {
        field = note('field');
        static created = note('static field');
        #secret = Promise.resolve().then(noting('private field'));
        static {
          void Promise.resolve().then(noting('static block'));
        }
        get ready() {
          return this.#secret;
        }
        async method() {
          await this.ready;
          note('method');
        }
        async *[Symbol.asyncIterator]() {
          yield await this.ready;
        }
      }
      const object = storage.run('b', () => new Base());
      await object.method();
      for await (const _ of object) note('iterated');
      {
        await using disposed = {
          async [Symbol.asyncDispose]() {
            await null;
            note('disposed');
          },
        };
        tell('disposed is there', typeof disposed);
      }
      note('after disposal');
    });
  },

  'jobs, ticks and timers': async () => {
    await storage.run('a', async () => {
      queueMicrotask(noting('microtask'));
      process.nextTick(noting('tick'));
      process.nextTick(() => Promise.resolve().then(noting('job of a tick')));
      await new Promise((resolve) => {
        setImmediate(() => {
          note('immediate');
          setTimeout(() => {
            note('timeout');
            resolve();
          }, 1);
        });
      });
      let count = 0;
      const interval = setInterval(() => {
        note('interval');
        if ((count += 1) === 2) clearInterval(interval);
      }, 1);
      await timers.setTimeout(50);
      note('setTimeout of timers/promises');
      await timers.setImmediate();
      note('setImmediate of timers/promises');
      for await (const _ of timers.setInterval(1)) {
        note('setInterval of timers/promises');
        break;
      }
      await timers.scheduler.wait(1);
      note('scheduler');
    });
    storage.enterWith('left by a tick');
    process.nextTick(() => storage.enterWith('entered in a tick'));
    process.nextTick(noting('the next tick'));
    await null;
    note('the job after the ticks');
    await settled();
    storage.disable();
  },

  'bind and snapshot': async () => {
    const bound = storage.run('a', () => AsyncLocalStorage.bind((...values) => [storage.getStore(), values]));
    tell(
      'bound',
      storage.run('b', () => bound(1, 2)),
    );
    const snapshot = storage.run('c', () => other.run('d', () => AsyncLocalStorage.snapshot()));
    tell(
      'snapshot',
      storage.run('e', () => snapshot((...values) => [storage.getStore(), other.getStore(), values], 3)),
    );
    await snapshot(async () => {
      await null;
      note('in a snapshot');
    });
    const resource = storage.run('f', () => new AsyncResource('Kind'));
    storage.run('g', () => resource.runInAsyncScope(noting('resource')));
    tell('bound to a resource', resource.bind(() => storage.getStore())());
    tell('static bind', storage.run('h', () => AsyncResource.bind(() => storage.getStore()))());
    resource.emitDestroy();
    const emitter = storage.run('i', () => new EventEmitterAsyncResource({ name: 'Emitter' }));
    emitter.on('event', noting('emitter with a resource'));
    storage.run('j', () => emitter.emit('event'));
    const plain = new EventEmitter();
    plain.on('event', noting('plain emitter'));
    storage.run('k', () => plain.emit('event'));
    setTimeout(() => storage.run('emitted', () => plain.emit('event')), 1);
    await storage.run('l', async () => {
      await once(plain, 'event');
      note('once');
      setTimeout(() => storage.run('emitted', () => plain.emit('event')), 1);
      for await (const _ of on(plain, 'event')) {
        note('on');
        break;
      }
    });
    const target = new EventTarget();
    storage.run('m', () => target.addEventListener('event', noting('event target')));
    storage.run('n', () => target.dispatchEvent(new Event('event')));
    const controller = new AbortController();
    storage.run('o', () => controller.signal.addEventListener('abort', noting('abort')));
    storage.run('p', () => controller.abort());
  },

  'requests side by side': async () => {
    const handle = async (id) => {
      const check = () => {
        if (storage.getStore().id !== id) tell('mixed up', id);
      };
      for (let step = 0; step < 20; step += 1) {
        await [
          null,
          timers.setImmediate(),
          timers.setTimeout(id % 3),
          Promise.resolve().then(check),
          new Promise(process.nextTick),
        ][(id + step) % 5];
        check();
        storage.getStore().steps += 1;
      }
      return storage.getStore().steps;
    };
    const steps = await Promise.all(
      Array.from({ length: 50 }, (_, id) => storage.run({ id, steps: 0 }, handle, id)),
    );
    tell('steps', steps);
  },

  rejections: async () => {
    const seen = [];
    const noteRejection = (reason) => seen.push([reason.message, storage.getStore()]);
    process.on('unhandledRejection', noteRejection);
    storage.run('a', () => Promise.reject(new Error('reject')));
    storage.run('b', async () => {
      await null;
      throw new Error('async function');
    });
    storage.run('c', () => new Promise(() => { throw new Error('executor'); })); // prettier-ignore
    storage.run('d', () => Promise.resolve().then(() => { throw new Error('handler'); })); // prettier-ignore
    storage.run('e', () => storage.exit(() => Promise.reject(new Error('passed on'))).then(() => {}));
    let reject;
    const promise = new Promise((_, fails) => {
      reject = fails;
    });
    storage.run('f', () => promise.then(() => {}));
    storage.run('g', reject, new Error('rejected elsewhere'));
    await settled();
    process.off('unhandledRejection', noteRejection);
    const noteError = (error) => seen.push([error.message, storage.getStore()]);
    process.on('uncaughtException', noteError);
    storage.run('h', () => setTimeout(() => { throw new Error('timeout'); }, 1)); // prettier-ignore
    storage.run('i', () => process.nextTick(() => { throw new Error('tick'); })); // prettier-ignore
    storage.run('j', () => queueMicrotask(() => { throw new Error('microtask'); })); // prettier-ignore
    storage.run('k', () => setImmediate(() => { throw new Error('immediate'); })); // prettier-ignore
    await timers.setTimeout(20);
    await settled();
    process.off('uncaughtException', noteError);
    tell('seen', seen.sort());
    note('afterwards');
  },

  'files and streams': async () => {
    const read = promisify(fs.readFile);
    await storage.run('a', async () => {
      await read(__filename);
      note('promisified');
      await fs.promises.readFile(__filename);
      note('fs.promises');
      await new Promise((resolve) => {
        fs.stat(__filename, () => {
          note('callback');
          resolve();
        });
      });
      const stream = new PassThrough();
      stream.on('end', noting('end'));
      storage.run('writer', () => stream.end('text'));
      for await (const chunk of stream) note(`chunk ${chunk}`);
      await new Promise((resolve) => {
        pipeline(fs.createReadStream(__filename), new PassThrough().resume(), () => {
          note('pipeline');
          resolve();
        });
      });
    });
  },
};

const main = async () => {
  for (const [name, run] of Object.entries(CASES)) {
    tell('case', name);
    await storage.exit(run);
    await settled();
  }
};
process.on('exit', noting('exit'));
void storage.run('main', main).then(noting('end'));
storage.enterWith('top level');
