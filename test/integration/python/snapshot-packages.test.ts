/** What packages do when they are imported is the app's: no snapshot takes it away. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { startPythonGuest } from '../../helpers/python-guest.ts';
import { program, start, useOwnCache } from '../../helpers/python-snapshot.ts';

useOwnCache();

test('what packages do when they are imported happens at every start', async () => {
  await using app = await writeAppDirectory({
    'main.py': program(
      {
        key: 'keys.KEY',
        host: 'settings.HOST',
        everything: '"NAME" in everything.COPY',
        threads: 'len(workers.RAN)',
        temporary: 'os.path.exists("/tmp/made")',
        open: 'len(opener.FILE.read())',
        seen: 'sys.argv[1:] == arguments.SEEN',
      },
      'import keys, settings, everything, workers, maker, opener, arguments, json',
    ),
    'site-packages/keys.py': 'import os\nKEY = os.urandom(8).hex()',
    'site-packages/settings.py': 'import os\nHOST = os.environ.get("NAME")',
    'site-packages/everything.py': 'import os\nCOPY = dict(os.environ)',
    'site-packages/workers.py':
      'import threading, time\nRAN = []\nthreading.Thread(target=lambda: (RAN.append(1), time.sleep(0.2)), daemon=True).start()',
    'site-packages/maker.py': 'open("/tmp/made", "w").close()',
    'site-packages/opener.py': 'FILE = open(__file__)',
    'site-packages/arguments.py': 'import sys\nSEEN = sys.argv[1:]\nassert SEEN == ["x"]',
  });
  const values = [];
  for (const NAME of ['one', 'two', 'three']) {
    values.push(await start(app.path, { args: ['x'], env: { NAME } }));
  }
  const keys = values.map(({ key }) => key);
  expect(new Set(keys).size).toBe(3);
  expect(values.map(({ host }) => host)).toEqual(['one', 'two', 'three']);
  for (const { everything, threads, temporary, open, seen } of values) {
    expect({ everything, threads, temporary, seen }).toEqual({
      everything: true,
      threads: 1,
      temporary: true,
      seen: true,
    });
    expect(open).toBeGreaterThan(0);
  }
  // All the same they start from a snapshot: of the rest.
  expect(values[2]!['hash']).toBe(values[0]!['hash']);
});

test('variables that packages look at are those of the start', async () => {
  await using app = await writeAppDirectory({
    'main.py': program({ mode: 'pkg.MODE' }, 'import pkg'),
    'site-packages/pkg.py': 'import os\nMODE = os.environ.get("MODE", "none")',
  });
  const without = await start(app.path);
  expect(without).toMatchObject({ mode: 'none' });
  expect(await start(app.path)).toEqual(without);
  expect(await start(app.path, { env: { MODE: 'fast' } })).toMatchObject({ mode: 'fast' });
});

test('output of packages is seen at every start', async () => {
  await using app = await writeAppDirectory({
    'main.py': 'import pkg\nprint("app")',
    'site-packages/pkg.py': 'print("package")',
  });
  for (let count = 0; count < 3; count += 1) {
    await using run = await startPythonGuest({ directory: app.path, module: 'main.py' });
    await run.ended;
    expect(run.stdout()).toBe('package\napp\n');
  }
});

test('modules of the app go before those of the library', async () => {
  await using app = await writeAppDirectory({
    'main.py': program({ sched: 'sched.MINE' }, 'import pkg, sched'),
    'sched.py': 'MINE = "mine"',
    'site-packages/pkg.py': 'import sched',
  });
  for (let count = 0; count < 3; count += 1) {
    expect(await start(app.path)).toMatchObject({ sched: 'mine' });
  }
});

test("directories of the user's PYTHONPATH go before packages, and do not hide them", async () => {
  await using app = await writeAppDirectory({
    'main.py': program({ both: 'both.PLACE', one: 'one.PLACE' }, 'import both, one'),
    'lib/both.py': 'PLACE = "lib"',
    'site-packages/both.py': 'PLACE = "packages"',
    'site-packages/one.py': 'PLACE = "packages"',
  });
  expect(await start(app.path)).toMatchObject({ both: 'packages', one: 'packages' });
  const PYTHONPATH = join(app.path, 'lib');
  for (let count = 0; count < 2; count += 1) {
    expect(await start(app.path, { env: { PYTHONPATH } })).toMatchObject({ both: 'lib', one: 'packages' });
  }
});
