/** AsyncLocalStorage and async_hooks: the same scripts print the same in Node itself and in a guest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { snapshotFile } from '../../../runtimes/nodejs/snapshot-cache.ts';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByGuest, printedByNode } from '../../helpers/node-guest.ts';
import { contextProgram } from './context-program.ts';

afterEach(() => vi.unstubAllEnvs());

const SCRIPTS = join(import.meta.dirname, 'scripts');

test.for(['async-local-storage.cjs', 'async-local-storage.mjs', 'async-hooks.cjs', 'ticks.cjs'])(
  '%s',
  async (script) => {
    const app = { directory: SCRIPTS, script, readOnly: true };
    const native = await printedByNode(app);
    expect(native.split('\n').length).toBeGreaterThan(5);
    expect(await printedByGuest(app)).toBe(native);
  },
);

test('a guest that goes on from a snapshot does the same', async () => {
  await using cache = await writeAppDirectory({});
  vi.stubEnv('XDG_CACHE_HOME', cache.path);
  const app = { directory: SCRIPTS, script: 'async-local-storage.cjs', readOnly: true };
  expect(await printedByGuest({ ...app, snapshot: await snapshotFile() })).toBe(await printedByNode(app));
});

test('contexts out of reach are collected', async () => {
  const app = { directory: SCRIPTS, script: 'collected-contexts.cjs', readOnly: true };
  expect(await printedByGuest({ ...app, memory: 64 << 20 })).toBe(await printedByNode(app));
});

test('random programs find the same in their stores', async () => {
  const interpreter = await readFile(join(SCRIPTS, 'context-programs.cjs'), 'utf8');
  // Many at a time, for every start takes its time; which one is at fault, the lines tell.
  const programs = fc.array(contextProgram, { minLength: 150, maxLength: 150 });
  await fc.assert(
    fc.asyncProperty(programs, async (list) => {
      await using app = await writeAppDirectory({ 'main.cjs': interpreter, 'programs.json': list });
      const run = { directory: app.path, script: 'main.cjs', readOnly: true };
      const [native, guest] = [await printedByNode(run), await printedByGuest(run)].map((text) =>
        text.trim().split('\n'),
      );
      const differing = list.findIndex((_, index) => native![index] !== guest![index]);
      expect({ program: list[differing], seen: guest![differing] }).toEqual({
        program: list[differing],
        seen: native![differing],
      });
      expect(native).toHaveLength(list.length);
    }),
    { numRuns: 3, endOnFailure: true },
  );
});
