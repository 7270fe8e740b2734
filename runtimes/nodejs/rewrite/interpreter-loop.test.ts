import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { QuickJS } from 'quickjs-wasi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { straightenInterpreter } from './interpreter-loop.ts';
import { readSigned, signed } from '../../../src/wasm/leb128.ts';

const require = createRequire(import.meta.url);
const original = readFileSync(require.resolve('quickjs-wasi/quickjs.wasm'));
const straight = straightenInterpreter(original);

/** Takes most kinds of instructions, with their short forms, and all ways out of a function. */
const PROGRAM = `
  const log = [];
  class Base { static count = 0; #secret = 7; constructor(x) { this.x = x; Base.count += 1; }
    get secret() { return this.#secret; } set secret(value) { this.#secret = value; }
    has(other) { return #secret in other; } *[Symbol.iterator]() { yield* [this.x, this.#secret]; } }
  class Derived extends Base { constructor(...all) { super(all.length); } get secret() { return super.secret + 1; } }
  const made = new Derived(1, 2, 3);
  log.push([...made], made.secret, made.has(made), Base.count, made instanceof Base, 'x' in made, delete made.x);
  const { a, ...rest } = { a: 1, b: [2, , 3], ['c' + 1]: null, get d() { return undefined; }, __proto__: null };
  log.push(a, rest, a ?? 5, rest.e?.f, typeof missing, void 0, -a, ~a, !a, a ** 10, 7 % 4, 7 / 2, 1n << 70n);
  outer: for (let i = 0; i < 300; i++) { for (const key in { k: 1, l: 2 }) { if (i & 1) continue outer; if (i > 250) break outer; log.push(key + i); } }
  const attempt = (f) => { try { return f(); } catch (error) { return String(error); } finally { log.push('finally'); } };
  log.push(attempt(() => null.x), attempt(() => { throw new RangeError('no'); }), attempt(() => undefinedName), attempt(() => { const c = 1; c = 2; }),
    attempt(() => eval('1 +')), attempt(() => (function f(n) { return n === 0 ? 0 : f(n - 1); })(100)), attempt(() => (() => { for (const x of [1, 2]) return x; })()));
  const counter = () => { let n = 0; return { up: () => ++n, down: () => n--, get n() { return n; } }; };
  const one = counter(); one.up(); one.up(); one.down(); log.push(one.n, (function () { return arguments.length; })(1, 2, 3), \`\${a}-\${[1, 2]}\`);
  switch ('b') { case 'a': log.push('wrong'); case 'b': log.push('right'); default: log.push('through'); }
  label: { log.push(/a(?<n>b+)/u.exec('xabbb').groups.n); break label; }
  var sum = 0; for (var j = 0; j < 70000; j += 1) sum += j * 0.5; log.push(sum, j, [3, 1, 2].sort().map((x) => x * 1e9), new Date(0).toISOString());
  with ({ w: 5 }) log.push(w);
  (async () => { for await (const each of (async function* () { yield 1; yield await Promise.resolve(2); })()) log.push(['async', each]); })();
  globalThis.result = () => JSON.stringify(log, (key, value) => typeof value === 'bigint' ? value + 'n' : value === undefined ? 'undefined' : value);
`;

const run = async (wasm: Uint8Array): Promise<string> => {
  const vm = await QuickJS.create({ wasm: new WebAssembly.Module(Buffer.from(wasm)) });
  vm.evalCode(PROGRAM).dispose();
  vm.executePendingJobs();
  return vm.evalCode('result()').toString();
};

test('programs do what they did', async () => {
  const result = await run(straight);
  expect(result).toContain('"right","through","bbb"');
  expect(result).toContain('["async",2]');
  expect(result).toBe(await run(original));
});

test('one table of branches for all opcodes instead of two, and no question for dumps', () => {
  // Two bytes of dump flags are looked at elsewhere: where objects are freed, modules are resolved and so on.
  const questions = (bytes: Uint8Array): number =>
    Buffer.from(bytes).toString('hex').split('2d00f105').length - 1;
  expect(questions(original) - questions(straight)).toBe(220);
  // br_table of 256: 0x0e 0x80 0x02.
  expect(Buffer.from(original).indexOf('2d0000220c0e8002', 'hex')).toBe(-1);
  expect(Buffer.from(straight).indexOf('2d0000220c0e8002', 'hex')).toBeGreaterThan(0);
});

test('a module with another interpreter is refused', () => {
  expect(() => straightenInterpreter(straight)).toThrow('QuickJS asks 0 times');
  const another = Buffer.from(original);
  another[another.indexOf('4102742802', 'hex')] = 0x42;
  expect(() => straightenInterpreter(another)).toThrow(RangeError);
});

test('signed numbers', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(20), (value, before) => {
      const bytes = [...Array<number>(before).fill(0x80), ...signed(value), 0xff];
      const cursor = { at: before };
      expect(readSigned(Uint8Array.from(bytes), cursor)).toBe(value);
      expect(cursor.at).toBe(bytes.length - 1);
    }),
  );
});
