/** Whatever a guest tries, it gets at nothing outside of what is mounted. */
import { existsSync } from 'node:fs';
import {
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { printedByGuest, startNodeGuest } from '../../helpers/node-guest.ts';

const SCRIPTS = fileURLToPath(new URL('scripts', import.meta.url));

let base: string;
let directory: string;
let outside: string;

beforeEach(async () => {
  base = await mkdtemp(join(await realpath(tmpdir()), 'wasmrun-escape-'));
  directory = join(base, 'app');
  outside = join(base, 'outside');
  await cp(SCRIPTS, directory, { recursive: true });
  await mkdir(join(outside, 'empty'), { recursive: true });
  await mkdir(join(outside, 'precious'));
  await writeFile(join(outside, 'secret'), 'secret');
  await writeFile(join(outside, 'module.cjs'), 'module.exports = "secret";');
});

afterEach(() => rm(base, { recursive: true }));

/** What there is outside, and when it was last changed in any way. */
const snapshotOutside = async () => ({
  names: (await readdir(outside)).sort(),
  secret: await readFile(join(outside, 'secret'), 'utf8'),
  status: await Promise.all(
    ['secret', 'empty', 'precious', '.'].map(async (name) => {
      const { ctimeMs, mode, nlink } = await stat(join(outside, name));
      return { ctimeMs, mode, nlink };
    }),
  ),
});

test.each([
  ['which may be written to', false],
  ['which is read-only', true],
])('no path leads out of a directory %s', async (_, readOnly) => {
  const doors = join(directory, 'doors');
  await mkdir(doors);
  // The script makes it where it may.
  await mkdir(join(directory, 'tree'));
  for (const [name, target] of Object.entries({
    absolute: outside,
    relative: '../../outside',
    far: `${'../'.repeat(60)}${outside.slice(1)}`,
    chain: 'mixed',
    mixed: join(directory, 'doors/relative'),
    proc: '/proc/self/environ',
    root: '/',
    descriptor: '/proc/self/fd/0',
  })) {
    await symlink(target, join(doors, name));
  }
  const before = await snapshotOutside();
  const script = readOnly ? 'escape-reading.cjs' : 'escape.cjs';
  if (readOnly) {
    const text = await readFile(join(directory, 'escape.cjs'), 'utf8');
    await writeFile(join(directory, script), text.replace(/^fs\.(?:mkdir|writeFile)Sync\(.*\n/gm, ''));
  }
  const printed = await printedByGuest({
    directory,
    script,
    readOnly,
    env: { OUTSIDE: outside },
    // In a /tmp of its own the guest could make directories of the same names.
    tmpfs: ['/scratch'],
  });
  expect(JSON.parse(printed)).toEqual({
    found: [],
    errors: expect.arrayContaining(['ENOENT']) as unknown,
  });
  expect(await snapshotOutside()).toEqual(before);
  expect(existsSync(join(directory, 'tree/stolen'))).toBe(false);
});

test('a directory that is exchanged for a link while it is used leads nowhere else', async () => {
  const place = (name: string): string => join(directory, name);
  await mkdir(place('swapped'));
  await writeFile(place('swapped/secret'), 'inside');
  await mkdir(place('swapped/x'));
  await writeFile(join(outside, 'only-outside'), '');
  await symlink(outside, place('link-absolute'));
  await symlink('../outside', place('link-relative'));
  await symlink(place('swapped'), place('to-swapped'));
  const before = await snapshotOutside();
  await using run = startNodeGuest({ directory, script: 'race.cjs', tmpfs: [] });
  await run.printed('ready');
  const end = { isReached: false };
  void run.ended.then(() => (end.isReached = true));
  let exchanges = 0;
  while (!end.isReached) {
    const link = place(exchanges % 2 === 0 ? 'link-absolute' : 'link-relative');
    await rename(place('swapped'), place('away'));
    await rename(link, place('swapped'));
    await rename(place('swapped'), link);
    await rename(place('away'), place('swapped'));
    exchanges += 1;
  }
  const seen = JSON.parse(run.stdout().split('\n')[1]!) as Record<'secret' | 'inside' | 'refused', number>;
  expect(seen.secret).toBe(0);
  // Both was met: the directory, and what it was exchanged for.
  expect(seen.inside).toBeGreaterThan(0);
  expect(seen.refused).toBeGreaterThan(0);
  expect(exchanges).toBeGreaterThan(0);
  expect(await snapshotOutside()).toEqual(before);
});
