/** Where snapshots of Python apps are kept, and how many. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { snapshotPath } from '../../../runtimes/python/snapshot-path.ts';

const before = process.env['XDG_CACHE_HOME'];
afterEach(() => {
  if (before === undefined) delete process.env['XDG_CACHE_HOME'];
  else process.env['XDG_CACHE_HOME'] = before;
});

test('the snapshots of the apps that were started last stay', async () => {
  await using cache = await mkdtempDisposable(join(tmpdir(), 'wasmrun-cache-'));
  process.env['XDG_CACHE_HOME'] = cache.path;
  const directory = join(cache.path, 'wasmrun');
  mkdirSync(directory, { mode: 0o700 });
  const first = basename(await snapshotPath(['/app', 'first.py']));
  const names = Array.from({ length: 20 }, (_, index) => `python-${index}.snapshot`);
  for (const [index, name] of [first, ...names].entries()) {
    for (const each of [name, `${name}.next`]) writeFileSync(join(directory, each), '', { mode: 0o600 });
    utimesSync(join(directory, name), index, index);
  }
  writeFileSync(join(directory, 'nodejs-1.snapshot'), '');
  // The oldest one is asked for, and so is none of the oldest any more.
  expect(basename(await snapshotPath(['/app', 'first.py']))).toBe(first);
  expect(readdirSync(directory)).toHaveLength(2 * 21 + 1);
  await snapshotPath(['/app', 'other.py']);
  const kept = readdirSync(directory).filter((name) => /^python.*\.snapshot$/.test(name));
  expect(kept.toSorted()).toEqual([first, ...names.slice(6)].toSorted());
  expect(readdirSync(directory)).toHaveLength(2 * kept.length + 1);
});

test('nothing tells one path of an app from another but what is started', async () => {
  await using cache = await mkdtempDisposable(join(tmpdir(), 'wasmrun-cache-'));
  process.env['XDG_CACHE_HOME'] = cache.path;
  const path = await snapshotPath(['/app', 'main.py']);
  expect(await snapshotPath(['/app', 'main.py'])).toBe(path);
  for (const other of [['/app', '-m', 'main'], ['/app/main.py'], ['/other', 'main.py']]) {
    expect(await snapshotPath(other)).not.toBe(path);
  }
});
