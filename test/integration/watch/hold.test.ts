import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { WatchedApp } from './watched-app.ts';

describe('while the build runs', () => {
  test('nothing is reported; at its end what the user saved is, but not what the build wrote', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c', 'build/app.wasm']);
    const output = app.path('build/app.wasm');
    await app.start({ outputs: [output], paths: [output] });
    {
      await using _hold = app.watch.hold();
      await app.write('build/app.wasm', 'built');
      await app.write('main.c', 'saved meanwhile');
      await sleep(200);
      expect(app.reports).toEqual([]);
    }
    // Reported at the end of the block, not some time after it.
    expect(app.reports).toEqual([['changed main.c']]);
    await app.reported('changed main.c');
  });

  test('a build that writes its output only starts nothing, however its events come', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c', 'build/app.wasm']);
    const output = app.path('build');
    await app.start({ outputs: [output], paths: [output], debounceMs: 0 });
    for (let build = 0; build < 20; build++) {
      await using _hold = app.watch.hold();
      for (let file = 0; file < 20; file++) await app.write(`build/${file}.o`, `build ${build}`);
      await app.write('build/app.wasm', `build ${build}`);
    }
    await app.nothingElse();
    // By somebody else: a change.
    await app.write('build/app.wasm', 'by hand');
    await app.reported('changed build/app.wasm');
  });

  test('holds may overlap, and be given back twice', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c']);
    await app.start();
    const first = app.watch.hold();
    const second = app.watch.hold();
    await app.write('main.c', 'new');
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await sleep(100);
    expect(app.reports).toEqual([]);
    await second[Symbol.asyncDispose]();
    await app.reported('changed main.c');
  });
});

/** Builds after every batch until none comes any more, as a reload does. */
const buildUntilQuiet = async (app: WatchedApp, build: (count: number) => Promise<void>): Promise<number> => {
  let count = 0;
  for (let reports = -1; reports < app.batches.length && count < 50; count++) {
    reports = app.batches.length;
    await using _hold = app.watch.hold();
    await build(count);
  }
  return count;
};

describe('a build that writes what nobody declared', () => {
  test('with the same content every time: starts one more build', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c']);
    await app.start();
    expect(await buildUntilQuiet(app, async () => app.write('main.o', 'the same'))).toBe(2);
    expect(app.warnings).toEqual([]);
    await app.reported('added main.o');
  });

  test('with another content every time: is stopped and named', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c']);
    await app.start();
    expect(await buildUntilQuiet(app, (count) => app.write('build.log', `build ${count}`))).toBe(5);
    expect(app.warnings).toEqual([expect.stringContaining(app.path('build.log'))]);
    expect(app.warnings[0]).toContain('[watch]');
    app.batches.length = 0;
    // What the user saves meanwhile counts as ever.
    {
      await using _hold = app.watch.hold();
      await app.write('build.log', 'build 6');
      await app.write('main.c', 'new');
    }
    await app.reported('changed main.c');
  });

  test('a user who saves during every build loses no save', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['main.c']);
    let built = '';
    await app.start();
    const builds = await buildUntilQuiet(app, async (count) => {
      built = await readFile(app.path('main.c'), 'utf8');
      if (count < 3) await app.write('main.c', `save ${count}`);
    });
    expect(builds).toBe(4);
    expect(built).toBe('save 2');
  });
});
