import {
  appendFile,
  chmod,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { PLACES, WatchedApp } from './watched-app.ts';

/** What editors do to a file when they save it, call by call, as strace shows. */
const SAVES: Readonly<Record<string, (app: WatchedApp, file: string) => Promise<void>>> = {
  'in place: truncate and write (nano, VS Code)': async (app, file) => {
    const handle = await open(app.path(file), 'w');
    await handle.write('half of ');
    await handle.write('the text');
    await handle.close();
  },
  'append (echo >>)': (app, file) => appendFile(app.path(file), 'more'),
  'truncate and write as two calls of a shell': async (app, file) => {
    await truncate(app.path(file));
    await appendFile(app.path(file), 'new');
  },
  'Vim: 4913, backup by rename, create, remove backup': async (app, file) => {
    await app.write('4913');
    await unlink(app.path('4913'));
    await app.write(`.${file}.swp`);
    await rename(app.path(file), app.path(`${file}~`));
    await app.write(file, 'by Vim');
    await unlink(app.path(`${file}~`));
    await unlink(app.path(`.${file}.swp`));
  },
  'Emacs: lock, autosave, backup by rename, write, unlock': async (app, file) => {
    await symlink('user@host.1234:5678', app.path(`.#${file}`));
    await app.write(`#${file}#`);
    await rename(app.path(file), app.path(`${file}~`));
    await app.write(file, 'by Emacs');
    await unlink(app.path(`#${file}#`));
    await unlink(app.path(`.#${file}`));
  },
  'JetBrains: temporary, old aside, over': async (app, file) => {
    await app.write(`${file}___jb_tmp___`, 'by an IDE');
    await rename(app.path(file), app.path(`${file}___jb_old___`));
    await rename(app.path(`${file}___jb_tmp___`), app.path(file));
    await unlink(app.path(`${file}___jb_old___`));
  },
  'gedit: .goutputstream over': async (app, file) => {
    await app.write('.goutputstream-AB12CD', 'by gedit');
    await rename(app.path('.goutputstream-AB12CD'), app.path(file));
  },
  'a temporary file of any name over': async (app, file) => {
    await app.write('tmp-9f2c', 'atomically');
    await rename(app.path('tmp-9f2c'), app.path(file));
  },
  'removed and made again': async (app, file) => {
    await unlink(app.path(file));
    await app.write(file, 'again');
  },
  'touched only': (app, file) => utimes(app.path(file), new Date(), new Date()),
};

describe.each(PLACES)('on %s', (_, place) => {
  test.each(Object.entries(SAVES))('one change: %s', async (_, save) => {
    await using app = await WatchedApp.make(place, ['server.js', 'other.js']);
    await app.start({ debounceMs: 250 });
    await save(app, 'server.js');
    await app.reportedAtOnce('changed server.js');
    // A second time, as the file may be another one now.
    await save(app, 'server.js');
    await app.reportedAtOnce('changed server.js');
  });

  test.each(Object.entries(SAVES))('the app is this one file: %s', async (_, save) => {
    await using app = await WatchedApp.make(place, ['server.js', 'other.js']);
    await app.start({ root: app.path('server.js'), debounceMs: 250 });
    for (const count of [1, 2, 3]) {
      await app.write('other.js', `other ${count}`);
      await save(app, 'server.js');
      await vi.waitFor(() => expect(app.reports).toHaveLength(count), { timeout: 20_000 });
      expect(app.reports.flat()).toEqual(Array.from({ length: count }, () => 'changed server.js'));
    }
  });

  test('files made, renamed, moved and removed come in one batch, what is gone again does not', async () => {
    await using app = await WatchedApp.make(place, ['a.js', 'b.js', 'c.js', 'lib/d.js', 'lib/deep/e.js']);
    await app.start({ debounceMs: 400 });
    await rename(app.path('a.js'), app.path('renamed.js'));
    await app.write('b.js', 'new');
    await rm(app.path('c.js'));
    await app.write('passing.js');
    await rm(app.path('passing.js'));
    await rename(app.path('lib'), app.path('library'));
    await app.write('new/deep/f.js');
    await app.reportedAtOnce(
      'removed a.js',
      'changed b.js',
      'removed c.js',
      'removed lib/d.js',
      'removed lib/deep/e.js',
      'added library/d.js',
      'added library/deep/e.js',
      'added new/deep/f.js',
      'added renamed.js',
    );
    await app.write('library/deep/e.js', 'new');
    await app.write('new/deep/f.js', 'new');
    await app.reportedAtOnce('changed library/deep/e.js', 'changed new/deep/f.js');
  });

  test('reading a file, or changing its mode, is no change', async () => {
    await using app = await WatchedApp.make(place, ['server.js']);
    await app.start();
    await readFile(app.path('server.js'));
    await chmod(app.path('server.js'), 0o700);
    await app.nothingElse();
  });

  test.each([0, 30])(
    '200 saves in a second, quiet time %i ms: few batches, the last save in them',
    async (debounceMs) => {
      await using app = await WatchedApp.make(place, ['server.js']);
      const seen: string[] = [];
      await app.start({
        debounceMs,
        onBatch: (batch) => {
          app.batches.push(batch);
          seen.push(readFileSync(app.path('server.js'), 'utf8'));
        },
      });
      for (let save = 1; save <= 200; save++) {
        await app.write('server.js', `save ${String(save).padStart(3, '0')}`);
        await sleep(5);
      }
      await vi.waitFor(() => expect(seen.at(-1)).toBe('save 200'), { timeout: 20_000 });
      expect(new Set(app.reports.flat())).toEqual(new Set(['changed server.js']));
      if (debounceMs > 0) expect(app.batches.length).toBeLessThan(100);
    },
  );

  test('saves without a pause do not hold batches back', async () => {
    await using app = await WatchedApp.make(place, ['server.js']);
    await app.start({ debounceMs: 50 });
    let saves = 0;
    while (app.batches.length < 3 && saves++ < 10_000) {
      await app.write('server.js', `save ${saves}`);
      await sleep(5);
    }
    expect(app.batches.length).toBeGreaterThanOrEqual(3);
  });
});
