/** A database's files in a directory of the host. */
import { spawnSync } from 'node:child_process';
import { chown, mkdtempDisposable, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { prepareDebianPostgres } from '../../../scripts/debian-postgres.ts';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';

/** Where the guest has it (runtimes/postgres/postgres-options.ts). */
const GUEST_PATH = '/var/lib/postgresql/data';
/** Whom an engine becomes that root has started, with an app of nobody's. */
const NOBODY = 65_534;

const PAGE_SIZE = 8192;

const newDirectory = async () => {
  const directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  await chown(directory.path, NOBODY, NOBODY);
  return directory;
};

const start = (directory: { readonly path: string }): Promise<TestDatabase> =>
  startDatabase('--dir', `${directory.path}:${GUEST_PATH}`);

test('what was committed is there again, after a stop and after a kill', async () => {
  await using directory = await newDirectory();
  {
    await using database = await start(directory);
    await database.psql(['create table kept(i int)', 'insert into kept select generate_series(1, 1000)']);
    database.run.process.kill('SIGTERM');
    const { stderr } = await database.run.ended;
    expect(stderr).toContain('database system is shut down');
  }
  {
    await using database = await start(directory);
    expect((await database.psql(['insert into kept values (0)', 'select count(*) from kept'])).stdout).toBe(
      '1001\n',
    );
    database.run.process.kill('SIGKILL');
    await database.run.ended;
  }
  await using database = await start(directory);
  expect((await database.psql(['select count(*) from kept'])).stdout).toBe('1001\n');
  expect(database.run.stderr()).toContain('automatic recovery in progress');
});

test('a checkpoint of one session brings to disk what another has written to a table that is gone', async () => {
  await using directory = await newDirectory();
  await using database = await start(directory);
  await using writer = database.session();
  await using other = database.session();
  await writer.say('create table gone as select generate_series(1, 50000) as i; create index on gone(i)');
  // It writes pages itself, and remembers that.
  await writer.say('vacuum (freeze, truncate) gone; checkpoint; update gone set i = i + 1');
  await other.say('drop table gone');
  expect(await writer.say('checkpoint; select 1')).toBe('1');
  expect(await other.say('checkpoint; select 2')).toBe('2');
});

test('one directory serves one database at a time', async () => {
  await using directory = await newDirectory();
  await using first = await start(directory);
  await expect(start(directory)).rejects.toThrow('another database works on');
  expect((await first.psql(['select 1'])).stdout).toBe('1\n');
});

test('Debian’s pg_checksums finds all pages intact; one that is damaged is noticed by the database as well', async () => {
  await using directory = await newDirectory();
  const check = (): string =>
    spawnSync(prepareDebianPostgres().program('pg_checksums'), ['--check', '-D', directory.path], {
      encoding: 'utf8',
    }).stdout;
  let file: string;
  {
    await using database = await start(directory);
    const commands = [
      'create table pages as select i, md5(i::text) from generate_series(1, 50000) i',
      'create index on pages(i)',
      'update pages set i = -i where i % 3 = 0',
      'vacuum pages',
      "select pg_relation_filepath('pages')",
    ];
    file = join(directory.path, (await database.psql(commands)).stdout.trim());
  }
  const intact = check();
  expect(Number(/^Blocks scanned: +(\d+)$/m.exec(intact)?.[1])).toBeGreaterThan(1000);
  expect(intact).toMatch(/^Bad checksums: +0$/m);

  await flipBit(file, 3 * PAGE_SIZE + 5000);
  expect(check()).toMatch(/^Bad checksums: +1$/m);
  await using database = await start(directory);
  const { stderr } = await database.psql(['select count(*) from pages']);
  expect(stderr).toContain('invalid page in block 3 of relation');
});

const flipBit = async (path: string, position: number): Promise<void> => {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, position);
};
