import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { QuickJS } from 'quickjs-wasi';
import { expect, test } from 'vitest';
import { limitStrings } from './string-limit.ts';

const original = readFileSync(createRequire(import.meta.url).resolve('quickjs-wasi/quickjs.wasm'));

test('whatever makes a string makes none that is longer, and the longest', async () => {
  const vm = await QuickJS.create({ wasm: new WebAssembly.Module(Buffer.from(limitStrings(original))) });
  const result = vm.evalCode(`
    const most = 2 ** 28 - 16;
    const attempt = (make) => { try { return make().length; } catch (error) { return String(error); } };
    const half = 'x'.repeat(2 ** 27);
    JSON.stringify([
      attempt(() => ' '.repeat(most)),
      attempt(() => ' '.repeat(most + 1)),
      attempt(() => 'ab'.repeat(2 ** 27)),
      attempt(() => half + half),
      attempt(() => half.slice(8) + half.slice(8)),
      attempt(() => half + half.slice(15)),
      attempt(() => [half, half].join('')),
      attempt(() => half.replace('x', () => half)),
      attempt(() => ''.padEnd(most + 1)),
    ]);
  `);
  const tooLong = 'RangeError: invalid string length';
  // As QuickJS says it where strings are added; guest/error-wording.ts makes one of it.
  const sumTooLong = 'InternalError: string too long';
  expect(JSON.parse(result.toString())).toEqual([
    2 ** 28 - 16,
    tooLong,
    tooLong,
    sumTooLong,
    2 ** 28 - 16,
    sumTooLong,
    tooLong,
    tooLong,
    tooLong,
  ]);
});

test('another QuickJS is not changed by chance', () => {
  const other = Buffer.from(original);
  other.set([0, 0, 0, 0], other.indexOf(Uint8Array.from([0x41, 0xaa, 0xdf, 0xc0, 0])) + 1);
  expect(() => limitStrings(other)).toThrow(RangeError);
});
