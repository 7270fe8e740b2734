import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { PLACES, WatchedApp } from './watched-app.ts';

describe.each(PLACES)('on %s', (_, place) => {
  test('the whole app removed and made again at once: one batch, and it goes on', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js', 'lib/b.js']);
    await app.start({ debounceMs: 300 });
    for (const content of ['second', 'third']) {
      await rm(app.root, { recursive: true });
      await app.write('server.js', content);
      await app.write('lib/a.js', content);
      await app.write('lib/b.js', content);
      await app.reportedAtOnce('changed lib/a.js', 'changed lib/b.js', 'changed server.js');
      await app.write('lib/b.js', `${content} again`);
      await app.reportedAtOnce('changed lib/b.js');
    }
  });

  test('the whole app gone for a while: nothing is reported before it is back', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js']);
    await app.start();
    await cp(app.root, join(app.directory, 'copy'), { recursive: true });
    await rm(app.root, { recursive: true });
    await sleep(800);
    expect(app.reports).toEqual([]);
    await writeFile(join(app.directory, 'copy/lib/new.js'), '');
    await rm(join(app.directory, 'copy/server.js'));
    await rename(join(app.directory, 'copy'), app.root);
    await app.reported('changed lib/a.js', 'added lib/new.js', 'removed server.js');
    await app.write('lib/new.js', 'new');
    await app.reported('changed lib/new.js');
  });

  test('the whole app moved away and another put in its place', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js']);
    await app.start();
    await cp(app.root, join(app.directory, 'copy'), { recursive: true, preserveTimestamps: true });
    await rename(app.root, join(app.directory, 'old'));
    await rename(join(app.directory, 'copy'), app.root);
    await app.reported('changed lib/a.js', 'changed server.js');
    // What happens to the old one is nobody's business.
    await writeFile(join(app.directory, 'old/server.js'), 'old');
    await app.write('lib/a.js', 'new');
    await app.reported('changed lib/a.js');
  });

  test('a directory replaced by another of its name stays watched', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js', 'lib/deep/b.js']);
    await app.start();
    await rm(app.path('lib'), { recursive: true });
    await mkdir(app.path('lib/deep'), { recursive: true });
    await app.reported('removed lib/a.js', 'removed lib/deep/b.js');
    await app.write('lib/a.js');
    await app.write('lib/deep/b.js');
    await app.reported('added lib/a.js', 'added lib/deep/b.js');
    await app.write('lib/deep/b.js', 'new');
    await app.reported('changed lib/deep/b.js');
  });

  test('a directory that comes and goes quickly is watched in the end', async () => {
    await using app = await WatchedApp.make(place, ['server.js']);
    await app.start();
    for (let round = 0; round < 20; round++) {
      await app.write('lib/deep/a.js', `round ${round}`);
      if (round % 3 === 0) await sleep(20);
      await rm(app.path('lib'), { recursive: true });
      if (round % 4 === 0) await sleep(60);
    }
    await app.write('lib/deep/a.js', 'in the end');
    await app.settle();
    await app.write('lib/deep/a.js', 'once more');
    await app.reported('changed lib/deep/a.js');
  });

  test('an app reached by a symbolic link is reported by that name', async () => {
    await using app = await WatchedApp.make(place, ['server.js']);
    const name = join(app.directory, 'link');
    await symlink(app.root, name);
    await app.start({
      debounceMs: 300,
      root: name,
      paths: [join(name, '.env')],
      outputs: [join(name, 'out.wasm')],
    });
    await app.write('out.wasm');
    await app.write('.env');
    await app.write('server.js', 'new');
    await vi.waitFor(() => expect(app.batches).toHaveLength(1), { timeout: 20_000 });
    expect(app.batches[0]?.files).toEqual([
      { path: join(name, '.env'), kind: 'added' },
      { path: join(name, 'server.js'), kind: 'changed' },
    ]);
  });

  test('a symbolic link in the app counts itself, a circle of them does no harm', async () => {
    await using app = await WatchedApp.make(place, ['server.js', 'lib/a.js']);
    await symlink('..', app.path('lib/circle'));
    await symlink('lib/a.js', app.path('entry'));
    await app.start();
    await rm(app.path('entry'));
    await symlink('server.js', app.path('entry'));
    await app.reported('changed entry');
    await app.write('lib/a.js', 'new');
    await app.reported('changed lib/a.js');
  });
});
