import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { callsIn } from './calls.ts';
import { readUnsigned } from '../../../src/wasm/leb128.ts';
import { redirectPromiseCalls } from './promise-calls.ts';
import { SECTION, WasmModule } from '../../../src/wasm/wasm-module.ts';

const require = createRequire(import.meta.url);
const original = readFileSync(require.resolve('quickjs-wasi/quickjs.wasm'));

/** How often each function is called. */
const callCounts = (bytes: Uint8Array): Map<number, number> => {
  const { count, items } = new WasmModule(bytes).vector(SECTION.code);
  const counts = new Map<number, number>();
  const cursor = { at: 0 };
  for (let index = 0; index < count; index += 1) {
    const size = readUnsigned(items, cursor);
    for (const { callee } of callsIn(items, cursor.at, cursor.at + size)) {
      counts.set(callee, (counts.get(callee) ?? 0) + 1);
    }
    cursor.at += size;
  }
  return counts;
};

test('the package has the QuickJS that is known; another one is refused', () => {
  expect(() => redirectPromiseCalls(original)).not.toThrow();
  const another = Buffer.from(original);
  another[another.length - 1]! ^= 1;
  expect(() => redirectPromiseCalls(another)).toThrow('quickjs.wasm is another one');
});

test('every call of the two functions goes through the table, and no other call is changed', () => {
  const redirected = redirectPromiseCalls(original);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(redirected), imports(redirected));
  const table = exports['promise_calls'] as { length: number; get(index: number): unknown };
  expect(table.length).toBe(2);
  expect(table.get(0)).toBe(exports['perform_promise_then']);
  expect(table.get(1)).toBe(exports['JS_EnqueueJob']);

  // The exported functions are named by their indices.
  const [then, enqueue] = ['perform_promise_then', 'JS_EnqueueJob'].map((name) =>
    Number((exports[name] as { name: string }).name),
  );
  const before = callCounts(original);
  const after = callCounts(redirected);
  const added = [...after.keys()].filter((callee) => !before.has(callee));
  // quickjs.c: await (twice for generators), then(), JS_PromiseThen(), iterators of for await; jobs of as many kinds.
  expect(before.get(then!)).toBe(6);
  expect(before.get(enqueue!)).toBe(6);
  expect(added.map((callee) => after.get(callee))).toEqual([6, 6]);
  for (const callee of [then!, enqueue!]) expect(after.has(callee)).toBe(false);
  for (const [callee, count] of before) {
    if (callee !== then && callee !== enqueue) expect(after.get(callee)).toBe(count);
  }
});

test('sections that are not changed come out as they went in', () => {
  expect(Buffer.from(new WasmModule(original).bytes()).equals(original)).toBe(true);
});

/** Functions for everything a module imports; nothing of it is called. */
const imports = (bytes: Uint8Array): WebAssembly.Imports => {
  const all: Record<string, Record<string, () => void>> = {};
  for (const { module, name } of WebAssembly.Module.imports(new WebAssembly.Module(bytes.slice()))) {
    (all[module] ??= {})[name] = () => {};
  }
  return all;
};
