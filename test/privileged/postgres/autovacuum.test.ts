/** Tables are vacuumed and analyzed when enough of them has changed, as everybody is used to. */
import { expect, test } from 'vitest';
import { startDatabaseWith } from '../../helpers/database.ts';

const PATIENCE = { timeout: 30_000, interval: 200 };

test('what has changed is vacuumed and analyzed, in every database, but for what shall not be', async () => {
  await using database = await startDatabaseWith('settings.autovacuum_naptime = 1');
  await database.psql(['create database other']);
  const fill = [
    'create table left_alone(i int) with (autovacuum_enabled = off)',
    'create table "Changed; drop"(i int)',
    ...['left_alone', '"Changed; drop"'].flatMap((table) => [
      `insert into ${table} select generate_series(1, 2000)`,
      `delete from ${table} where i % 2 = 0`,
    ]),
  ];
  const counts = `select stat.relname, vacuum_count > 0, analyze_count > 0, n_dead_tup, reltuples
    from pg_stat_user_tables stat join pg_class on oid = relid order by 1`;
  for (const name of ['postgres', 'other']) {
    expect((await database.psql(fill, { database: name })).stderr).toBe('');
    const ask = async (): Promise<string> => (await database.psql([counts], { database: name })).stdout;
    await expect.poll(ask, PATIENCE).toBe('Changed; drop|t|t|0|1000\nleft_alone|f|f|1000|-1\n');
  }
});

test('not where it is switched off, nor before there is enough', async () => {
  await using off = await startDatabaseWith('settings = { autovacuum_naptime = 1, autovacuum = "off" }');
  await using on = await startDatabaseWith('settings.autovacuum_naptime = 1');
  const fill = (rows: number): string[] => [
    `create table t_${rows} as select generate_series(1, ${rows}) as i`,
    `delete from t_${rows}`,
  ];
  for (const { psql } of [off, on]) await psql([...fill(10), ...fill(500)]);
  const vacuumed = 'select relname from pg_stat_user_tables where vacuum_count + analyze_count > 0';
  await expect.poll(async () => (await on.psql([vacuumed])).stdout, PATIENCE).toBe('t_500\n');
  expect((await off.psql([vacuumed])).stdout).toBe('');
});
