'use strict';
/** Runs the programs of `programs.json`, see ../context-program.ts, and prints what stood in the stores meanwhile. */
const { AsyncLocalStorage } = require('node:async_hooks');
const timers = require('node:timers/promises');

class Run {
  stores = [new AsyncLocalStorage(), new AsyncLocalStorage()];
  /** What each branch of the program has seen: branches with timers have no order among them. */
  seen = {};
  signals = Array.from({ length: 3 }, () => Promise.withResolvers());
  /** Branches nobody waits for inside of the program. */
  loose = [];

  note(path) {
    (this.seen[path] ??= []).push(this.stores.map((store) => store.getStore() ?? null).join());
  }

  async all(steps, path) {
    for (const [index, step] of steps.entries()) {
      this.note(path);
      await this.step(step, `${path}.${index}`);
    }
    this.note(path);
  }

  /** A branch that fails is as good as any. */
  start(steps, path) {
    const running = this.all(steps, path).catch(() => this.note(`${path} failed`));
    this.loose.push(running);
    return running;
  }

  step([kind, first, second, third], path) {
    return this[kind](path, first, second, third);
  }

  async awaits(path, values) {
    for (const value of values) await this.value(value, path);
  }

  value(kind, path) {
    switch (kind) {
      case 'nothing':
        return null;
      case 'promise':
        return Promise.resolve().then(() => this.note(path));
      case 'thenable':
        return {
          then: (resolve) => {
            this.note(path);
            resolve();
          },
        };
      case 'late thenable':
        return { then: (resolve) => void setImmediate(() => this.stores[0].run('late', resolve)) };
      case 'tick':
        return new Promise((resolve) => process.nextTick(resolve));
      case 'timeout':
        return timers.setTimeout(1);
      default:
        return new Promise((resolve) => setImmediate(resolve));
    }
  }

  async run(path, store, value, steps) {
    await this.stores[store].run(value, () => this.all(steps, path));
  }

  exit(path, store, steps) {
    return this.stores[store].exit(() => this.all(steps, path));
  }

  enters(path, store, value) {
    this.stores[store].enterWith(value);
  }

  starts(path, how, steps) {
    const { promise, resolve } = Promise.withResolvers();
    const go = () => {
      void this.start(steps, path);
      resolve();
    };
    const ways = {
      call: go,
      job: () => queueMicrotask(go),
      tick: () => process.nextTick(go),
      immediate: () => setImmediate(go),
      timeout: () => setTimeout(go, 1),
      then: () => void Promise.resolve().then(go),
      finally: () => void Promise.resolve().finally(go),
      catch: () => void Promise.reject(new Error('caught')).catch(go),
    };
    this.loose.push(promise);
    ways[how]();
  }

  together(path, how, branches) {
    const running = branches.map((steps, index) => this.start(steps, `${path}.${index}`));
    return Promise[how](running).then(() => this.note(path));
  }

  async fails(path, steps) {
    try {
      await this.all(steps, path);
      throw new Error('on purpose');
    } catch {
      this.note(`${path} caught`);
      await null;
    } finally {
      this.note(`${path} finally`);
    }
  }

  async iterates(path, count, steps) {
    const run = this;
    async function* items() {
      for (let index = 0; index < count; index += 1) {
        await run.all(steps, `${path} item ${index}`);
        yield index;
        run.note(`${path} item ${index}`);
      }
    }
    for await (const item of items()) this.note(`${path} loop ${item}`);
  }

  waits(path, signal) {
    void this.signals[signal].promise.then(() => this.note(`${path} handler`));
    this.loose.push(this.signals[signal].promise.then(() => this.note(`${path} later`)));
  }

  gives(path, signal) {
    this.signals[signal].resolve();
  }

  async keeps(path, store, value, steps) {
    const bound = AsyncLocalStorage.bind(() => this.start(steps, path));
    await null;
    await this.stores[store].run(value, bound);
  }

  async finish(steps) {
    await this.start(steps, 'main');
    for (const { resolve } of this.signals) resolve();
    for (let done = 0; done < this.loose.length; done += 1) await this.loose[done];
    return this.seen;
  }
}

const main = async () => {
  for (const program of require('./programs.json')) {
    const seen = await new Run().finish(program);
    console.log(JSON.stringify(Object.entries(seen).sort()));
  }
};
void main();
