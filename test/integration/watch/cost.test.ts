import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { WatchedApp } from './watched-app.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('idle-watch.ts', import.meta.url));

test('one watch per directory, no timer while nothing happens, nothing left in the end', async () => {
  const files = Array.from({ length: 50 }, (_, index) => `lib/${index % 5}/${index}.js`);
  await using app = await WatchedApp.make(tmpdir(), ['server.js', 'node_modules/a/index.js', ...files]);
  await app.write('../config.toml');
  const { stdout } = await run(process.execPath, [program, app.root, app.path('../config.toml')]);
  const { before, during, after } = JSON.parse(stdout);
  // The app, lib, the five in it, and the file outside.
  expect(during).toEqual({ ...before, watches: 8, timers: 0 });
  expect(after).toEqual(before);
  expect(before.watches).toBe(0);
});

test('disposal in the midst of changes reports nothing afterwards', async () => {
  await using app = await WatchedApp.make(tmpdir(), ['server.js']);
  for (let round = 0; round < 20; round++) {
    await app.start({ debounceMs: round % 2 });
    await Promise.all([app.write('server.js', `round ${round}`), app.write(`new-${round}/a.js`)]);
    await app.watch[Symbol.asyncDispose]();
    const { length } = app.batches;
    await app.write('server.js', 'after');
    expect(app.batches).toHaveLength(length);
  }
});
