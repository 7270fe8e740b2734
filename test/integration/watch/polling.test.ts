import { rename, rm, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import { eventually, PLACES, WatchedApp } from './watched-app.ts';

describe.each(PLACES)('without events, on %s', (_, place) => {
  test('every kind of change is found', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js', 'lib/b.js', '.env']);
    await app.write('.gitignore', '.env\n*.log\n');
    await app.start({ pollMs: 20, paths: [app.path('.env')] });
    expect(app.watch.mode).toBe('polling');
    expect(app.warnings).toEqual([]);
    // Times that are too young to tell writes apart count as changes: let them grow older.
    await sleep(50);
    await app.write('a.log');
    await app.nothingElse();
    await app.write('.env', 'A=1');
    await app.reported('changed .env');
    await app.write('tmp', 'atomically');
    await rename(app.path('tmp'), app.path('server.js'));
    await app.reported('changed server.js');
    await utimes(app.path('lib/a.js'), 1, 1);
    await app.reported('changed lib/a.js');
    await rename(app.path('lib'), app.path('library'));
    await app.reported('removed lib/a.js', 'removed lib/b.js', 'added library/a.js', 'added library/b.js');
  });

  test('an app that is gone is awaited', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js']);
    await app.start({ pollMs: 20, debounceMs: 300 });
    await rm(app.root, { recursive: true });
    await sleep(600);
    expect(app.reports).toEqual([]);
    await app.write('server.js', 'new');
    await app.write('lib/a.js', 'new');
    await app.reported('changed lib/a.js', 'changed server.js');
  });

  test('a hold does not end it', async () => {
    await using app = await WatchedApp.make(place, ['server.js']);
    await app.start({ pollMs: 20 });
    {
      await using _hold = app.watch.hold();
      await app.write('server.js', 'during');
      await sleep(150);
      expect(app.reports).toEqual([]);
    }
    await app.reported('changed server.js');
    await app.write('server.js', 'after');
    await app.reported('changed server.js');
  });
});

test('CHOKIDAR_USEPOLLING, as containers set it, is obeyed and named', async () => {
  vi.stubEnv('CHOKIDAR_USEPOLLING', 'true');
  try {
    await using app = await WatchedApp.make(tmpdir(), ['server.js']);
    await app.start();
    expect(app.watch.mode).toBe('polling');
    expect(app.warnings).toEqual([expect.stringContaining('CHOKIDAR_USEPOLLING')]);
    await app.write('server.js', 'new');
    await app.reported('changed server.js');
  } finally {
    vi.unstubAllEnvs();
  }
});

test('a backslash: chokidar watches no app with one in its path, but directories in it', async () => {
  const odd = String.raw`odd\name`;
  await using app = await WatchedApp.make(tmpdir(), ['server.js', `${odd}/a.js`]);
  await app.start();
  expect(app.watch.mode).toBe('events');
  await app.write(`${odd}/a.js`, 'new');
  await app.reported(`changed ${odd}/a.js`);
  await app.watch[Symbol.asyncDispose]();

  await app.start({ root: app.path(odd) });
  expect(app.watch.mode).toBe('polling');
  expect(app.warnings).toEqual([expect.stringContaining('backslash')]);
  await app.write(`${odd}/a.js`, 'again');
  await eventually(() => expect(app.reports).toEqual([[`changed ${odd}/a.js`]]));
});
