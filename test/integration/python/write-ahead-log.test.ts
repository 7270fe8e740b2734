/** SQLite's write-ahead log in a directory of the host, beside SQLite itself in another process. */
import { mkdtempDisposable } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByPython, startPythonGuest } from '../../helpers/python-guest.ts';

const newData = async () => {
  const data = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  const database = join(data.path, 'a.db');
  return {
    database,
    directories: [{ hostPath: data.path, guestPath: '/data', readOnly: false }],
    [Symbol.asyncDispose]: () => data[Symbol.asyncDispose](),
  };
};

const WRITE = `
import sqlite3, sys
db = sqlite3.connect('/data/a.db', timeout=0)
print('connected', flush=True)
print(*db.execute('pragma journal_mode=wal').fetchone())
db.execute('create table if not exists entries (number)')
db.executemany('insert into entries values (?)', [(number,) for number in range(1000)])
db.commit()
other = sqlite3.connect('/data/a.db', timeout=0)
other.execute('insert into entries values (1000)')
other.commit()
print(*db.execute('select count(*) from entries').fetchone(), *db.execute('pragma integrity_check').fetchone(), flush=True)
`;

const HOLD = `${WRITE}sys.stdin.read()`;

/** What SQLite says when it has waited for ten seconds. */
const IS_HELD = 'locking protocol';

/** What another process finds. */
const look = (path: string): unknown => {
  using database = new DatabaseSync(path, { timeout: 0 });
  const { journal_mode: mode } = database.prepare('pragma journal_mode').get()!;
  const { integrity_check: integrity } = database.prepare('pragma integrity_check').get()!;
  return { mode, integrity, ...database.prepare('select count(*) as count from entries').get() };
};

test('works, for one connection and for more', async () => {
  await using data = await newData();
  expect(await printedByPython(WRITE, data)).toBe('connected\nwal\n1001 ok\n');
  expect(look(data.database)).toEqual({ mode: 'wal', integrity: 'ok', count: 1001 });
  expect(await printedByPython(WRITE, data)).toBe('connected\nwal\n2002 ok\n');
});

test('that a guest has nobody else can have, who go on with it when the guest is killed', async () => {
  await using data = await newData();
  await using app = await writeAppDirectory({ 'main.py': HOLD });
  await using holder = await startPythonGuest({ ...data, directory: app.path, keepStdin: true });
  await holder.printed('1001 ok');
  await using another = await startPythonGuest({ ...data, directory: app.path });
  await another.printed('connected');
  expect(() => look(data.database)).toThrow(IS_HELD);
  expect((await another.ended).status).toBe(1);
  expect(another.stderr()).toContain(IS_HELD);
  holder.process.kill('SIGKILL');
  await holder.ended;
  expect(look(data.database)).toEqual({ mode: 'wal', integrity: 'ok', count: 1001 });
});

const WRITE_IN_A_THREAD = `
import threading, time
def write():${WRITE.replaceAll('\n', '\n    ')}
writer = threading.Thread(target=write)
writer.start()
time.sleep(0.5)
print('waiting' if writer.is_alive() else 'done', flush=True)
`;

test('that others have a guest waits for, and its other threads go on', async () => {
  await using data = await newData();
  const native = new DatabaseSync(data.database);
  native.exec('pragma journal_mode=wal; create table entries (number)');
  await using app = await writeAppDirectory({ 'main.py': WRITE_IN_A_THREAD });
  await using waiting = await startPythonGuest({ ...data, directory: app.path });
  await waiting.printed('waiting');
  native.exec('insert into entries values (1)');
  native.close();
  expect(await waiting.ended).toMatchObject({ status: 0 });
  expect(waiting.stdout()).toBe('connected\nwaiting\nwal\n1002 ok\n');
  expect(look(data.database)).toEqual({ mode: 'wal', integrity: 'ok', count: 1002 });
});

test('can be turned off again', async () => {
  await using data = await newData();
  await printedByPython(WRITE, data);
  const off =
    "import sqlite3\nprint(sqlite3.connect('/data/a.db').execute('pragma journal_mode=delete').fetchone())";
  expect(await printedByPython(off, data)).toBe("('delete',)\n");
  expect(look(data.database)).toEqual({ mode: 'delete', integrity: 'ok', count: 1001 });
});
