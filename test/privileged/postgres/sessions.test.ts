/** A database in a sandbox as Debian's psql sees it: what is a session's own, and what all share. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const psql: TestDatabase['psql'] = (...values) => database.psql(...values);
const linesOf = async (...values: Parameters<TestDatabase['psql']>): Promise<string[]> =>
  (await psql(...values)).stdout.trimEnd().split('\n');

test('it is PostgreSQL, with its languages and dictionaries', async () => {
  expect(await linesOf(['select 1', 'show server_version'])).toEqual(['1', '18.6']);
  const { stdout, stderr } = await psql([
    "do $$ begin raise notice 'hello %', 6 * 7; end $$",
    "select to_tsvector('english', 'the cats are running')",
  ]);
  expect(stderr).toBe('NOTICE:  hello 42\n');
  expect(stdout).toBe("'cat':2 'run':4\n");
});

test('an error is caught where a function says so', async () => {
  const { stdout, stderr } = await psql([
    "do $$ begin perform 1 / 0; exception when division_by_zero then raise notice 'caught: %', sqlerrm; end $$",
    'select 1',
  ]);
  expect({ stdout, stderr }).toEqual({ stdout: '1\n', stderr: 'NOTICE:  caught: division by zero\n' });
});

test('COPY goes in and out', async () => {
  const input = Array.from({ length: 20_000 }, (_, index) => `${index}\tvalue ${index}`).join('\n');
  await psql(['create table copied(i int, t text)']);
  const { stderr } = await psql(['copy copied from stdin'], { input });
  expect(stderr).toBe('');
  expect(await linesOf(['select sum(i) from copied'])).toEqual(['199990000']);
  expect((await psql(['copy copied to stdout'])).stdout).toBe(`${input}\n`);
});

describe('several at once', () => {
  test('nobody sees what is not committed, and who changes the same row waits', async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say(
      'create table accounts(id int primary key, sum int); insert into accounts values (1, 100)',
    );
    await first.say('begin; update accounts set sum = sum - 10');
    expect(await second.say('select sum from accounts')).toBe('100');
    const waiting = second.say('update accounts set sum = sum + 5 returning sum');
    const blocked = `select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0`;
    await expect.poll(() => first.say(blocked)).toBe('1');
    await first.say('commit');
    expect(await waiting).toBe('95');
  });

  test('what is repeatable is repeated, what cannot be serialized is refused', async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say('create table counted(n int); insert into counted values (1)');
    expect(await first.say('begin isolation level repeatable read; select n from counted')).toBe('1');
    await second.say('update counted set n = 2');
    expect(await first.say('select n from counted')).toBe('1');
    expect(await first.say('update counted set n = 3')).toContain('could not serialize access');
  });

  test('a deadlock ends with an error for one of them', async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say('create table pair(i int primary key, v int); insert into pair values (1, 0), (2, 0)');
    await first.say('begin; update pair set v = 1 where i = 1');
    await second.say('begin; update pair set v = 2 where i = 2');
    const said = await Promise.all([
      first.say('update pair set v = 1 where i = 2'),
      second.say('update pair set v = 2 where i = 1'),
    ]);
    expect(said.filter((each) => each.includes('deadlock detected'))).toHaveLength(1);
  });

  test("settings, temporary tables, prepared statements and cursors are a session's own", async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say("set work_mem = '7MB'; create temp table mine(i int); prepare asked as select 1");
    await first.say('begin; declare cursed cursor for select 1');
    expect(await second.say('show work_mem')).toBe('4MB');
    expect(await second.say('select * from mine')).toContain('relation "mine" does not exist');
    expect(await second.say('execute asked')).toContain('prepared statement "asked" does not exist');
    expect(await second.say('fetch cursed')).toContain('cursor "cursed" does not exist');
    expect(await first.say('execute asked')).toBe('1');
  });

  test('who listens is notified, with the number of the process that has', async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say('listen news');
    const pid = await second.say('select pg_backend_pid()');
    await second.say("notify news, 'word'");
    const expected = `Asynchronous notification "news" with payload "word" received from server process with PID ${pid}.`;
    await expect.poll(() => first.say('select 1')).toContain(expected);
  });

  test('a client that vanishes in a transaction has done nothing, and holds nobody up', async () => {
    await using first = database.session();
    await using second = database.session();
    await first.say('create table held(i int); begin; lock table held; insert into held values (1)');
    const waiting = second.say('select count(*) from held');
    await first.vanish();
    expect(await waiting).toBe('0');
  });

  test('a command is cancelled, by its client and by a limit; a session is ended by another', async () => {
    await using first = database.session();
    await using second = database.session();
    const pid = await first.say('select pg_backend_pid()');
    const sleeping = first.say('select pg_sleep(3600)');
    const isAsleep = `select count(*) from pg_stat_activity where pid = ${pid} and state = 'active'`;
    await expect.poll(() => second.say(isAsleep)).toBe('1');
    await second.say(`select pg_cancel_backend(${pid})`);
    expect(await sleeping).toContain('canceling statement due to user request');
    const limited = await first.say("set statement_timeout = '50ms'; select pg_sleep(3600)");
    expect(limited).toContain('canceling statement due to statement timeout');
    await second.say(`select pg_terminate_backend(${pid})`);
    await expect.poll(() => second.say(`select count(*) from pg_stat_activity where pid = ${pid}`)).toBe('0');
  });
});

describe('users and databases', () => {
  test('are the ones that the client names', async () => {
    await psql(['create role joe login', 'create database joe owner joe']);
    const as = { user: 'joe', database: 'joe' };
    const question = 'select current_user, session_user, current_database()';
    expect(await linesOf([question], as)).toEqual(['joe|joe|joe']);
    const { stderr } = await psql(['create role jim'], as);
    expect(stderr).toContain('permission denied to create role');
    expect((await psql(['drop database joe'])).stderr).toBe('');
  });

  test('have to be there', async () => {
    const nobody = await psql(['select 1'], { user: 'nobody' });
    expect(nobody).toMatchObject({ status: 2, stdout: '' });
    expect(nobody.stderr).toContain('role "nobody" does not exist');
    expect((await psql(['select 1'], { database: 'nowhere' })).stderr).toContain(
      'database "nowhere" does not exist',
    );
  });

  test('settings that the client asks for are set, or refused', async () => {
    const env = { PGOPTIONS: '-c work_mem=9MB --statement-timeout=5s', PGAPPNAME: 'test' };
    const asked = ['show work_mem', 'show statement_timeout', 'show application_name'];
    expect(await linesOf(asked, { env })).toEqual(['9MB', '5s', 'test']);
    const { stderr } = await psql(['select 1'], { env: { PGOPTIONS: '-c work_mem=none' } });
    expect(stderr).toContain('invalid value for parameter "work_mem"');
    await psql(['create role ann login']);
    const forbidden = { user: 'ann', env: { PGOPTIONS: '-c log_statement=all' } };
    expect((await psql(['select 1'], forbidden)).stderr).toContain('permission denied to set parameter');
  });
});

test('a session has the settings that the files have when it begins, and then those that all are told to read', async () => {
  await using before = database.session();
  expect(await before.say('show work_mem')).toBe('4MB');
  await psql(["alter system set work_mem = '7MB'", 'alter system set max_connections = 50']);
  expect(await linesOf(['show work_mem', 'show max_connections'])).toEqual(['7MB', '100']);
  expect(await before.say('show work_mem')).toBe('4MB');
  expect(database.run.stderr()).not.toContain('cannot be changed without restarting');
  expect(await linesOf(['select pg_reload_conf()'])).toEqual(['t']);
  await expect.poll(() => before.say('show work_mem')).toBe('7MB');
  const refused = "select setting from pg_file_settings where name = 'max_connections' and error <> ''";
  expect(await linesOf([refused])).toEqual(['50']);
  await psql(['alter system reset all']);
  expect(await linesOf(['show work_mem'])).toEqual(['4MB']);
});

test('a session is a process of its own, of a server that started once', async () => {
  const question = `select pid, backend_start, pg_postmaster_start_time() from pg_stat_activity
    where pid = pg_backend_pid() and backend_start > pg_postmaster_start_time()`;
  const [first, second] = [await linesOf([question]), await linesOf([question])].map(([line]) =>
    line!.split('|'),
  );
  expect(second![0]).not.toBe(first![0]);
  expect(second![1]! > first![1]!).toBe(true);
  expect(second![2]).toBe(first![2]);
});

test('what a session has loaded and kept is not there for the next one', async () => {
  const make = 'create function loud() returns text language plpgsql as $$ begin return $1; end $$';
  await psql([
    make.replace('()', '(text)'),
    "select loud('once')",
    "set some.thing = 'kept'",
    'create temp table t()',
  ]);
  const { stdout, stderr } = await psql([
    "select current_setting('some.thing', true) is null",
    "select loud('twice')",
    "select count(*) from pg_class where relname = 't'",
  ]);
  expect({ stdout, stderr }).toEqual({ stdout: 't\ntwice\n0\n', stderr: '' });
});

test('nothing is left of sessions that have ended', async () => {
  const others =
    'select count(*) from pg_stat_activity where backend_type = $$client backend$$ and pid <> pg_backend_pid()';
  await expect.poll(() => linesOf([others])).toEqual(['0']);
  const locks = 'select count(*) from pg_locks where pid <> pg_backend_pid()';
  expect(await linesOf([locks])).toEqual(['0']);
});
