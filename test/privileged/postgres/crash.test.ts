/** A process of PostgreSQL that crashes: all sessions end, what was committed is recovered, and the same sandbox goes on. */
import { expect, test } from 'vitest';
import { startDatabase } from '../../helpers/database.ts';

const PATIENCE = { timeout: 20_000 };

/** Takes a number for an address: far outside of the memory, it is a trap of WebAssembly. */
const CRASH = [
  `create function crash(int) returns int language internal strict as 'textlen'`,
  'select crash(2147483600)',
];

test('after a crash the others are told, and what was committed is there', async () => {
  await using database = await startDatabase();
  await database.psql(['create table kept(i int)']);
  await using waiting = database.session();
  await waiting.say('begin; insert into kept values (1); lock table kept');
  const computing = database.psql(['do $$ begin loop end loop; end $$'], { env: { PGAPPNAME: 'busy' } });
  const active = `select count(*) from pg_stat_activity where application_name = 'busy' and state = 'active'`;
  await expect.poll(async () => (await database.psql([active])).stdout, PATIENCE).toBe('1\n');
  const locked = database.psql(['insert into kept values (2)']);
  await database.psql(['create table committed as select 42 as answer']);

  const crash = await database.psql(CRASH);
  expect(crash.status).toBe(2);
  expect(crash.stderr).toContain('server closed the connection unexpectedly');
  for (const { stderr } of await Promise.all([computing, locked])) {
    expect(stderr).toContain('FATAL:  terminating connection because of crash of another server process');
  }
  await expect
    .poll(
      async () => (await database.psql(['select * from committed', 'select count(*) from kept'])).stdout,
      PATIENCE,
    )
    .toBe('42\n0\n');
  await database.run.printed(
    /PostgreSQL's process \d+ has crashed, all sessions end: RuntimeError: memory access out of bounds/,
  );
});

test('and again', async () => {
  await using database = await startDatabase();
  for (let count = 1; count <= 3; count += 1) {
    await database.psql([`create table number_${count}()`]);
    await database.psql(['drop function if exists crash', ...CRASH]);
    const tables = `select count(*) from pg_tables where tablename like 'number%'`;
    await expect.poll(async () => (await database.psql([tables])).stdout, PATIENCE).toBe(`${count}\n`);
  }
});
