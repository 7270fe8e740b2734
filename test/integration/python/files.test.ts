/** Which files a Python app has. */
import { mkdtempDisposable, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByPython, startPythonGuest } from '../../helpers/python-guest.ts';

/** Prints for each line of code what it gives, or the name of its error. */
const attempts = (...lines: readonly string[]): string => `
import errno, os, sqlite3, sys
for line in ${JSON.stringify(lines)}:
    try: print(line, '=>', eval(line))
    except Exception as error:
        print(line, '=>', type(error).__name__, errno.errorcode.get(getattr(error, 'errno', None), error))
`;

const answersOf = async (lines: readonly string[], options = {}): Promise<string[]> =>
  (await printedByPython(attempts(...lines), options))
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' => ')[1]!);

test('of the host there is nothing but the app, however it is asked for', async () => {
  const places = [
    '../secret.txt',
    'link',
    'root/etc/passwd',
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/1/root/etc/passwd',
  ];
  const source = attempts(
    ...places.map((path) => `open('${path}').read()`),
    "sorted(set(os.listdir('/')) - {'tmp'})",
    "os.readlink('link')",
  );
  await using app = await writeAppDirectory({ 'inner/main.py': source, 'secret.txt': 'secret' });
  await symlink('../secret.txt', join(app.path, 'inner/link'));
  await symlink('/', join(app.path, 'inner/root'));
  await using run = await startPythonGuest({ directory: join(app.path, 'inner'), module: 'main.py' });
  expect((await run.ended).status).toBe(0);
  const lines = run
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' => ')[1]);
  expect(lines).toEqual([...places.map(() => 'FileNotFoundError ENOENT'), "['dev', 'usr']", '../secret.txt']);
});

test('the app is read-only, /tmp is its own, and a directory that is given may be written to', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  const lines = [
    "open('new.txt', 'w')",
    "open('/tmp/new.txt', 'w').write('abc')",
    "os.rename('/tmp/new.txt', '/tmp/newer.txt') or os.listdir('/tmp')",
    "open('/data/new.txt', 'w').write('abc')",
    "os.stat('/data/new.txt').st_size",
  ];
  const answers = await answersOf(lines, {
    directories: [{ hostPath: data.path, guestPath: '/data', readOnly: false }],
  });
  expect(answers.map((answer) => answer.replace(/\['.*'newer\.txt'\]/, "['newer.txt']"))).toEqual([
    'OSError EROFS',
    '3',
    expect.stringContaining('newer.txt'),
    '3',
    '3',
  ]);
  expect(await readFile(join(data.path, 'new.txt'), 'utf8')).toBe('abc');
});

test('/dev has what programs expect of it', async () => {
  const answers = await answersOf([
    "sorted(os.listdir('/dev'))",
    "open('/dev/null').read()",
    "open('/dev/null', 'w').write('gone')",
    "open('/dev/zero', 'rb').read(3)",
    "open('/dev/urandom', 'rb').read(16) != open('/dev/urandom', 'rb').read(16)",
    "os.write(os.open('/dev/full', os.O_WRONLY), b'x')",
    "os.isatty(os.open('/dev/null', os.O_RDONLY))",
    "os.open('/dev/sda', os.O_RDONLY)",
    "os.open('/dev/new', os.O_WRONLY | os.O_CREAT)",
    "os.remove('/dev/null')",
  ]);
  expect(answers).toEqual([
    "['full', 'null', 'random', 'urandom', 'zero']",
    '',
    '4',
    String.raw`b'\x00\x00\x00'`,
    'True',
    'OSError ENOSPC',
    'False',
    'FileNotFoundError ENOENT',
    'OSError EROFS',
    'OSError EROFS',
  ]);
});

const DATABASE = `
import sqlite3, sys
path = sys.argv[1]
with sqlite3.connect(path) as db:
    db.execute('create table if not exists entries (name text)')
    db.executemany('insert into entries values (?)', [(str(n),) for n in range(1000)])
print(sqlite3.connect(path).execute('select count(*), max(name) from entries').fetchone())
`;

test('SQLite keeps databases in memory, in /tmp and in a directory of the host', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  const directories = [{ hostPath: data.path, guestPath: '/data', readOnly: false }];
  for (const path of ['/tmp/a.db', '/data/a.db']) {
    expect(await printedByPython(DATABASE, { args: [path], directories })).toBe("(1000, '999')\n");
  }
  expect(await printedByPython(DATABASE, { args: ['/data/a.db'], directories })).toBe("(2000, '999')\n");
});

const HOLD = `
import sqlite3, sys
db = sqlite3.connect('/data/a.db', isolation_level=None, timeout=0)
db.execute('create table if not exists entries (name text)')
db.execute('begin exclusive')
print('locked', flush=True)
sys.stdin.read()
db.execute('rollback')
print('released')
`;

test('a database that one sandbox has locked is locked for others', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  const directories = [{ hostPath: data.path, guestPath: '/data', readOnly: false }];
  await using app = await writeAppDirectory({ 'main.py': HOLD });
  await using holder = await startPythonGuest({ directory: app.path, directories, keepStdin: true });
  await holder.printed('locked');
  await expect(printedByPython(HOLD, { directories })).rejects.toThrow('database is locked');
  holder.process.stdin!.end();
  expect(await holder.ended).toMatchObject({ status: 0 });
  expect(await printedByPython(HOLD, { directories })).toBe('locked\nreleased\n');
});

const TIME = `
import datetime, time, zoneinfo
print(time.tzname, time.timezone, time.daylight)
for seconds in (0, 1750000000, 1735689600):
    print(time.strftime('%Y-%m-%d %H:%M:%S %Z %z', time.localtime(seconds)), time.localtime(seconds).tm_yday, time.mktime(time.localtime(seconds)))
print(time.gmtime(-62135596800)[:8])
`;

test.each([
  ['UTC', '2025-06-15 15:06:40 UTC +0000 166'],
  ['Europe/Berlin', '2025-06-15 17:06:40 CEST +0200 166'],
  ['America/New_York', '2025-06-15 11:06:40 EDT -0400 166'],
  ['Australia/Sydney', '2025-06-16 01:06:40 AEST +1000 167'],
])('local time in %s', async (zone, expected) => {
  const printed = await printedByPython(TIME, { env: { TZ: zone } });
  expect(printed.split('\n')).toContain(`${expected} 1750000000.0`);
  expect(printed).toContain('(1, 1, 1, 0, 0, 0, 0, 1)');
});
