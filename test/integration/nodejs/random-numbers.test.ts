/** Every app goes on from the same snapshot, and yet draws numbers of its own. */
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { snapshotFile } from '../../../runtimes/nodejs/snapshot-cache.ts';
import { printedByGuest } from '../../helpers/node-guest.ts';

test('Math.random draws other numbers in every app, all of them from 0 to 1', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-random-'));
  const script = 'draw.js';
  await writeFile(
    join(directory.path, script),
    'console.log(JSON.stringify(Array.from({ length: 1000 }, Math.random)))',
  );
  const snapshot = await snapshotFile();
  const draw = async () =>
    JSON.parse(await printedByGuest({ directory: directory.path, script, snapshot })) as number[];
  const drawn = [...(await draw()), ...(await draw())];
  expect(new Set(drawn).size).toBe(2000);
  expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
  expect(Math.abs(drawn.reduce((sum, number) => sum + number, 0) / drawn.length - 0.5)).toBeLessThan(0.1);
});
