/** The memory an app starts with is taken from nobody else. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { snapshotFile } from '../../../runtimes/nodejs/snapshot-cache.ts';
import { printedByGuest } from '../../helpers/node-guest.ts';

const before = process.env['XDG_CACHE_HOME'];
afterEach(() => {
  if (before === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = before;
});

const newCache = async () => {
  const cache = await mkdtempDisposable(join(tmpdir(), 'wasmrun-cache-'));
  process.env['XDG_CACHE_HOME'] = cache.path;
  return cache;
};

test('a snapshot is made once, for its user alone', async () => {
  await using _ = await newCache();
  const file = await snapshotFile();
  const { mode, ino } = statSync(file);
  expect(mode & 0o777).toBe(0o600);
  expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  expect(await snapshotFile()).toBe(file);
  expect(statSync(file).ino).toBe(ino);
});

test('one that others may write is made again, as is one of another user', async () => {
  await using _ = await newCache();
  const file = await snapshotFile();
  chmodSync(file, 0o666);
  expect(statSync(await snapshotFile()).mode & 0o777).toBe(0o600);
  // Only root can give files away; whoever else runs this has none of others.
  if (process.getuid!() === 0) {
    chownSync(file, 65_534, 65_534);
    expect(statSync(await snapshotFile()).uid).toBe(0);
  }
});

test('a cache that others may write is not used', async () => {
  await using cache = await newCache();
  const directory = join(cache.path, 'wasmrun');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const file = await snapshotFile().catch((error: unknown) => (error as { code: string }).code);
  expect(file).toMatch(process.getuid!() === 0 ? /^\/var\/cache\/wasmrun\// : /^ENGINE_FAILED$/);
  expect(readdirSync(directory)).toEqual([]);
  rmSync(file, { force: true });
});

test('snapshots of other versions go, but for the latest', async () => {
  await using cache = await newCache();
  const directory = join(cache.path, 'wasmrun');
  mkdirSync(directory, { mode: 0o700 });
  const old = ['nodejs-1.snapshot', 'nodejs-2.snapshot', 'nodejs-3.snapshot', 'nodejs-0.snapshot.99'];
  for (const [index, name] of old.entries()) {
    writeFileSync(join(directory, name), '');
    utimesSync(join(directory, name), index, index);
  }
  writeFileSync(join(directory, 'other'), '');
  await snapshotFile();
  const left = readdirSync(directory).toSorted();
  expect(left).toHaveLength(3 + 1);
  expect(left).toEqual(expect.arrayContaining(['nodejs-3.snapshot', 'other']));
  expect(left).not.toContain('nodejs-1.snapshot');
  expect(left).not.toContain('nodejs-0.snapshot.99');
});

test('an app whose snapshot has gone meanwhile starts all the same', async () => {
  await using app = await mkdtempDisposable(join(tmpdir(), 'wasmrun-app-'));
  writeFileSync(join(app.path, 'app.js'), 'console.log(require("node:path").basename(__filename))');
  const snapshot = join(app.path, 'gone.snapshot');
  expect(await printedByGuest({ directory: app.path, script: 'app.js', snapshot })).toBe('app.js\n');
});
