/** A command that computes and never waits: others go on meanwhile, and it can be ended. */
import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { enginesOf } from '../../helpers/live-app.ts';

const PATIENCE = { timeout: 20_000 };

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** Commands that last for hours: rows, a loop of PL/pgSQL, sorting, a regular expression. */
const ENDLESS = {
  rows: 'select count(*) from generate_series(1, 100000000000::bigint) as n(i) where i % 7 = 8',
  loop: 'do $$ begin loop end loop; end $$',
  join: 'select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b where a # b = -1',
  'long numbers': 'select max(factorial(i)) from generate_series(20000, 32000) as n(i)',
};
const ACTIVE = `select pid from pg_stat_activity where application_name = 'busy' and state = 'active'`;
const busy = { env: { PGAPPNAME: 'busy' } };

test.for(Object.entries(ENDLESS))(
  'others go on beside %s, and a cancel request ends it',
  async ([, command]) => {
    await using calm = database.session();
    const endless = database.psql([command], busy);
    await expect.poll(() => calm.say(ACTIVE), PATIENCE).toMatch(/^\d+$/);
    for (let count = 0; count < 50; count += 1) expect(await calm.say(`select ${count}`)).toBe(String(count));
    expect(await calm.say(`select pg_cancel_backend((${ACTIVE}))`)).toBe('t');
    expect((await endless).stderr).toContain('ERROR:  canceling statement due to user request');
  },
);

test('its own time limit ends it', async () => {
  const { stderr } = await database.psql(["set statement_timeout = '300ms'", ENDLESS.loop]);
  expect(stderr).toContain('ERROR:  canceling statement due to statement timeout');
});

test('two of them share the time', async () => {
  const count = `do $$ declare n bigint := 0; until timestamptz := clock_timestamp() + '1.5s'; begin
    while clock_timestamp() < until loop n := n + 1; end loop; raise notice '%', n; end $$`;
  const ends = await Promise.all([database.psql([count]), database.psql([count])]);
  const [more = 0, less = 0] = ends.map(({ stderr }) => Number(/\d+/.exec(stderr))).sort((a, b) => b - a);
  expect(less).toBeGreaterThan(0);
  expect(more / less).toBeLessThan(3);
});

test('it ends with its session, and what it had changed is undone', async () => {
  await database.psql(['create table half_done(i int)']);
  await using calm = database.session();
  const endless = database.psql(['begin', 'insert into half_done values (1)', ENDLESS.loop], busy);
  await expect.poll(() => calm.say(ACTIVE), PATIENCE).toMatch(/^\d+$/);
  expect(await calm.say(`select pg_terminate_backend((${ACTIVE}), 5000)`)).toBe('t');
  expect((await endless).stderr).toContain('terminating connection due to administrator command');
  expect(await calm.say('select count(*) from half_done')).toBe('0');
});

test('the sandbox can be stopped meanwhile', async () => {
  await using another = await startDatabase();
  const endless = another.psql([ENDLESS.loop], busy);
  await expect.poll(async () => (await another.psql([ACTIVE])).stdout, PATIENCE).toMatch(/^\d+\n$/);
  another.run.process.kill('SIGTERM');
  expect((await endless).stderr).toContain('terminating connection due to administrator command');
  expect((await another.run.ended).status).toBe(143);
});

test('what begins anew where it is interrupted gets to its end where it is not', async () => {
  const { stdout, stderr } = await database.psql([
    'create table ranges(r int4range)',
    'create index on ranges using spgist (r)',
    'insert into ranges select int4range(g, g + 10) from generate_series(1, 2000) g',
    "set enable_seqscan = off; select count(*) from ranges where r && '[100, 110)'",
  ]);
  expect({ stdout, stderr }).toEqual({ stdout: '19\n', stderr: '' });
});

test('who commits may sleep with a lock that all others want', async () => {
  await database.psql(['create table delayed(i int)']);
  const insert = Array.from({ length: 5 }, (_, index) => `insert into delayed values (${index})`);
  const settings = ['set commit_delay = 20000', 'set commit_siblings = 0'];
  const ends = await Promise.all(Array.from({ length: 4 }, () => database.psql([...settings, ...insert])));
  expect(ends.map(({ stderr }) => stderr)).toEqual(['', '', '', '']);
  expect((await database.psql(['select count(*) from delayed'])).stdout).toBe('20\n');
});

test('what V8 does in the background comes after what backends do', () => {
  const [engine] = enginesOf(database.run.process.pid!);
  const niceOf = (thread: string): number => {
    const stat = readFileSync(`/proc/${engine}/task/${thread}/stat`, 'utf8');
    // proc_pid_stat(5): the 19th; the second one, a name in brackets, may have blanks.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19 - 3]);
  };
  const threads = readdirSync(`/proc/${engine}/task`).filter((thread) => Number(thread) !== engine);
  expect(niceOf(String(engine))).toBe(0);
  expect(threads.length).toBeGreaterThan(0);
  expect(threads.map(niceOf)).toEqual(threads.map(() => 5));
});
