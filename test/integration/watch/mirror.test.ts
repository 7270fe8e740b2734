import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { PLACES, WatchedApp } from './watched-app.ts';

type Step = (app: WatchedApp) => Promise<unknown>;

const FILES = ['a', 'b', 'x/a', 'x/b', 'x/y/a', 'x/y/b', 'z/a'];
const DIRECTORIES = ['x', 'x/y', 'z', 'w/v'];

const file = fc.constantFrom(...FILES);
const directory = fc.constantFrom(...DIRECTORIES);
const nothing = () => {};

/** What can happen to an app directory; steps that are impossible as things are do nothing. */
const step: fc.Arbitrary<{ readonly name: string; readonly run: Step }> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(file, fc.nat(9)).map(([path, content]) => ({
      name: `write ${path} ${content}`,
      run: (app: WatchedApp) => app.write(path, String(content)).catch(nothing),
    })),
  },
  file.map((path) => ({
    name: `remove ${path}`,
    run: (app: WatchedApp) => rm(app.path(path), { force: true }).catch(nothing),
  })),
  fc.tuple(file, file).map(([from, to]) => ({
    name: `rename ${from} ${to}`,
    run: (app: WatchedApp) => rename(app.path(from), app.path(to)).catch(nothing),
  })),
  directory.map((path) => ({
    name: `remove ${path}`,
    run: (app: WatchedApp) => rm(app.path(path), { recursive: true, force: true }),
  })),
  directory.map((path) => ({
    name: `make ${path}`,
    run: (app: WatchedApp) => mkdir(app.path(path), { recursive: true }),
  })),
  fc.tuple(directory, directory).map(([from, to]) => ({
    name: `rename ${from} ${to}`,
    run: (app: WatchedApp) => rename(app.path(from), app.path(to)).catch(nothing),
  })),
  fc.constant({
    name: 'replace everything',
    run: async (app: WatchedApp) => {
      const copy = join(app.directory, 'copy');
      await cp(app.root, copy, { recursive: true });
      await rm(app.root, { recursive: true });
      await rename(copy, app.root);
    },
  }),
  {
    weight: 2,
    arbitrary: fc.constantFrom(1, 15, 60, 150).map((ms) => ({ name: `wait ${ms}`, run: () => sleep(ms) })),
  },
);

const contentsOf = async (root: string): Promise<Record<string, string>> => {
  const names = await readdir(root, { recursive: true });
  const contents: Record<string, string> = {};
  for (const name of names.sort()) {
    if ((await stat(join(root, name))).isFile()) contents[name] = await readFile(join(root, name), 'utf8');
  }
  return contents;
};

/** Does to a copy of the app what the batches say. */
const follow = async (app: WatchedApp, mirror: string): Promise<void> => {
  for (const { path, kind } of app.batches.splice(0).flatMap(({ files }) => files)) {
    const copy = join(mirror, relative(app.root, path));
    const content = kind === 'removed' ? undefined : await readFile(path).catch(nothing);
    if (content === undefined) await rm(copy, { force: true });
    else {
      await rm(copy, { recursive: true, force: true });
      await mkdir(dirname(copy), { recursive: true });
      await writeFile(copy, content);
    }
  }
};

test.each(PLACES)(
  'whoever follows the batches has the same files in the end: on %s',
  { timeout: 300_000 },
  async (_, place) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        await using app = await WatchedApp.make(place, FILES.slice(0, 4));
        const mirror = join(app.directory, 'mirror');
        await cp(app.root, mirror, { recursive: true });
        await app.start({ debounceMs: 10 });
        for (const { run } of steps) await run(app);
        await vi.waitFor(
          async () => {
            await follow(app, mirror);
            expect(await contentsOf(mirror)).toEqual(await contentsOf(app.root));
          },
          { timeout: 8_000, interval: 20 },
        );
      }),
      { numRuns: 60 },
    );
  },
);
