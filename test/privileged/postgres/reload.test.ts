/** A database whose files change: the old server leaves before the new one comes, and clients wait meanwhile. */
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { copyExample } from '../../helpers/example-app.ts';
import { DATABASE, startDatabaseIn } from '../../helpers/database.ts';
import type { PsqlEnd, TestDatabase } from '../../helpers/database.ts';
import { reloaded, reloads } from '../../helpers/live-app.ts';

const configuration = (workMemory: string): string =>
  `${DATABASE}[postgres]\ninit = "schema.sql"\nsettings.work_mem = "${workMemory}"\n`;
const SCHEMA = 'create table t(i int);\n';

/** Connects again and again, as a pool does that has lost its connections, until `work` is done. */
const connecting = async (database: TestDatabase, work: () => Promise<void>): Promise<PsqlEnd[]> => {
  const ends: PsqlEnd[] = [];
  const state = { isOver: false };
  const client = async (): Promise<void> => {
    while (!state.isOver) ends.push(await database.psql(['insert into t values (1)']));
  };
  const clients = [client(), client()];
  await work().finally(() => (state.isOver = true));
  await Promise.all(clients);
  return ends;
};

test('a changed setting counts, data stay, and no connection is refused', async () => {
  await using app = await writeAppDirectory({ '.wasmrun.toml': configuration('5MB'), 'schema.sql': SCHEMA });
  await using database = await startDatabaseIn(app.path, ['--watch']);
  await using idle = database.session();
  expect(await idle.say('show work_mem')).toBe('5MB');
  const ends = await connecting(database, () =>
    reloaded(database.run, () => writeFile(join(app.path, '.wasmrun.toml'), configuration('6MB'))),
  );
  const answered = ends.filter(({ status }) => status === 0).length;
  // What was under way is told that the server leaves; who comes meanwhile waits.
  for (const { stderr } of ends) expect(stderr).not.toMatch(/refused|timeout|does not exist/);
  expect(answered).toBeGreaterThan(0);
  expect((await database.psql(['show work_mem', 'select count(*) from t'])).stdout).toBe(
    `6MB\n${answered}\n`,
  );
  expect(database.run.stderr()).toMatch(/^reloaded .*\.wasmrun\.toml/m);
  // All that the server has written meanwhile is no change of the app.
  expect(reloads(database.run)).toBe(1);
  expect(database.run.stderr()).not.toMatch(/^reloaded .*data/m);
});

/** As much of node-postgres (node-postgres.com) as is used here. */
interface Pool {
  query(text: string): Promise<{ rows: { n: number }[] }>;
  on(event: 'error', action: (error: Error) => void): void;
  end(): Promise<void>;
}
type PoolModule = { Pool: new (options: { host: string; port: number; user: string; max: number }) => Pool };

test('a pool of node-postgres that is connected goes on with new connections, and none is refused', async () => {
  await using example = await copyExample('express-postgres');
  const { Pool } = createRequire(join(example.path, 'server.js'))('pg') as PoolModule;
  await using app = await writeAppDirectory({ '.wasmrun.toml': configuration('5MB'), 'schema.sql': SCHEMA });
  await using database = await startDatabaseIn(app.path, ['--watch']);
  const pool = new Pool({ host: '127.0.0.1', port: database.port, user: 'postgres', max: 4 });
  const errors: Error[] = [];
  pool.on('error', (error) => errors.push(error));
  const state = { isOver: false, answered: 0 };
  const work = async (): Promise<void> => {
    while (!state.isOver) {
      const done = await pool.query('insert into t values (1)').catch((error: Error) => errors.push(error));
      if (typeof done !== 'number') state.answered += 1;
    }
  };
  const workers = [work(), work(), work(), work()];
  await expect.poll(() => state.answered).toBeGreaterThan(20);
  await reloaded(database.run, () => writeFile(join(app.path, '.wasmrun.toml'), configuration('6MB')));
  const before = state.answered;
  await expect.poll(() => state.answered).toBeGreaterThan(before + 20);
  state.isOver = true;
  await Promise.all(workers);
  // Connections that were there have ended; every new one has come to a server.
  for (const { message } of errors) {
    expect(message).toMatch(/terminating connection due to administrator command|Connection terminated/);
  }
  const { rows } = await pool.query('select count(*)::int as n from t');
  // What was committed in the moment of the end may not have been answered.
  expect(rows[0]?.n).toBeGreaterThanOrEqual(state.answered);
  expect(rows[0]?.n).toBeLessThanOrEqual(state.answered + workers.length);
  await pool.end();
});

test('a changed file of SQL is told of where there are data, and run where they are in memory', async () => {
  await using app = await writeAppDirectory({ '.wasmrun.toml': configuration('5MB'), 'schema.sql': SCHEMA });
  const change = () =>
    writeFile(join(app.path, 'schema.sql'), `${SCHEMA}insert into t values (${Math.random()});`);
  {
    await using database = await startDatabaseIn(app.path, ['--watch']);
    await reloaded(database.run, change);
    expect(database.run.stderr()).toContain('schema.sql is not run: the data directory was made before\n');
    expect((await database.psql(['select count(*) from t'])).stdout).toBe('0\n');
  }
  await using database = await startDatabaseIn(app.path, ['--watch', '--tmpfs', '/var/lib/postgresql/data']);
  await database.psql(['insert into t values (1), (2)']);
  await reloaded(database.run, change);
  expect((await database.psql(['select count(*) from t'])).stdout).toBe('1\n');
});

test('it counts as ready when it has answered: --detach returns no sooner, and its log has what it says', async () => {
  await using app = await writeAppDirectory({
    '.wasmrun.toml': `${DATABASE}[postgres]\ninit = "schema.sql"\n`,
    'schema.sql': `${SCHEMA}select pg_sleep(1.5); do $$ begin raise warning 'filled'; end $$;`,
  });
  await using sandboxes = detachedSandboxes();
  const started = await sandboxes.run('os', app.path, '--forward', '5432', '--name', 'base', '--detach');
  expect(started.status, started.stderr).toBe(0);
  const { stderr } = await sandboxes.run('logs', 'base');
  expect(stderr).toMatch(
    /WARNING: {2}filled[^]*duration: 1\d+\.\d+ ms {2}statement: select pg_sleep|duration: 1\d+\.\d+ ms {2}statement: select pg_sleep[^]*WARNING: {2}filled/,
  );
});
