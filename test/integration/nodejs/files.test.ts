/**
 * Files of a guest: scripts that say what they find, run by Node itself and as a guest in directories of the same
 * name, must say the same.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { printedByGuest, printedByNode } from '../../helpers/node-guest.ts';

const SCRIPTS = fileURLToPath(new URL('scripts', import.meta.url));

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(await realpath(tmpdir()), 'wasmrun-files-'));
  await cp(SCRIPTS, directory, { recursive: true });
});

afterEach(() => rm(directory, { recursive: true }));

test.each([
  ['synchronous functions', 'files-sync.cjs'],
  ['directories, links and copies', 'trees-sync.cjs'],
  ['functions with callbacks', 'files-callbacks.cjs'],
  ['promises, handles, streams and watchers', 'files-promises.cjs'],
])('%s do what they do in Node', async (_, script) => {
  const expected = await printedByNode({ directory, script });
  await rm(join(directory, 'tree'), { recursive: true });
  const printed = await printedByGuest({ directory, script });
  expect(printed.split('\n')).toEqual(expected.split('\n'));
});

test('the standard streams are descriptors 0 to 2', async () => {
  const script = 'standard-streams.cjs';
  const stdin = 'two\nlines';
  const expected = execFileSync(process.execPath, [join(directory, script)], {
    input: stdin,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  expect(await printedByGuest({ directory, script, stdin })).toBe(expected);
});
