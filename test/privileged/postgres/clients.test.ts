/** PostgreSQL's own programs, of the same version, as clients over the forward: dumps are restored, and data compared. */
import { execFile } from 'node:child_process';
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareDebianPostgres } from '../../../scripts/debian-postgres.ts';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';

const MOST_OUTPUT = 64 * 1024 ** 2;

const postgres = prepareDebianPostgres();
let database: TestDatabase;

/** Runs a program of PostgreSQL 18 against the database; what it prints. It fails where that does. */
const run = async (program: string, ...args: readonly string[]): Promise<string> => {
  const at = ['-h', '127.0.0.1', '-p', String(database.port), '-U', 'postgres'];
  const { stdout } = await promisify(execFile)(postgres.program(program), [...at, ...args], {
    maxBuffer: MOST_OUTPUT,
  });
  return stdout;
};

const psql = (name: string, ...commands: readonly string[]): Promise<string> =>
  run('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((each) => ['-c', each]), name);

/** A little of all that a dump has to carry. */
const SCHEMA = [
  "create type mood as enum ('sad', 'happy')",
  'create domain percent as int check (value between 0 and 100)',
  'create table people(id serial primary key, name text not null, feels mood, share percent, born date, raw bytea, tags text[])',
  `insert into people(name, feels, share, born, raw, tags)
     select 'nöbody ' || i, (array['sad', 'happy']::mood[])[1 + i % 2], i % 101, '2000-01-01'::date + i,
            decode(md5(i::text), 'hex'), array['tag ' || i, null, E'tab\\tline\\n']
     from generate_series(1, 5000) i`,
  'create table parts(id int, at timestamptz, value numeric) partition by range (id)',
  'create table parts_low partition of parts for values from (0) to (500)',
  'create table parts_high partition of parts default',
  "insert into parts select i, '2024-02-29 12:00+02'::timestamptz + i * interval '1 hour', i / 7.0 from generate_series(1, 1000) i",
  'create index on people(lower(name))',
  'create view happy as select * from people where feels = $$happy$$',
  'create materialized view counts as select feels, count(*) from people group by 1',
  'create function twice(i int) returns int language plpgsql as $$ begin return 2 * i; end $$',
  'create function touch() returns trigger language plpgsql as $$ begin new.name := new.name || $x$!$x$; return new; end $$',
  'create trigger touched before update on people for each row execute function touch()',
  "comment on table people is 'those who are there'",
  "select lo_from_bytea(4711, 'a large object')",
];

/** All tables' rows in order, as sums, and what else is there. */
const contentsOf = async (name: string): Promise<string> =>
  psql(
    name,
    'select md5(string_agg(p::text, $$|$$ order by id)) from people p',
    'select md5(string_agg(p::text, $$|$$ order by id)) from parts p',
    'select md5(string_agg(h::text, $$|$$ order by id)) from happy h',
    'select * from counts order by 1',
    'select twice(21), convert_from(lo_get(4711), $$utf8$$), nextval($$people_id_seq$$) > 5000',
    'select obj_description($$people$$::regclass), (select count(*) from pg_trigger where tgname = $$touched$$)',
    'select count(*) from pg_indexes where schemaname = $$public$$',
  );

let contents: string;
beforeAll(async () => {
  database = await startDatabase();
  await run('createdb', 'origin');
  await psql('origin', ...SCHEMA);
  contents = await contentsOf('origin');
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test('what is compared is something', () => {
  const lines = contents.split('\n');
  expect(lines.slice(0, 3).every((line) => /^[0-9a-f]{32}$/.test(line))).toBe(true);
  expect(lines.slice(3)).toEqual([
    'sad|2500',
    'happy|2500',
    '42|a large object|t',
    'those who are there|1',
    '2',
    '',
  ]);
});

test.each([
  ['plain', 'psql', (file: string) => ['-Xq', '-v', 'ON_ERROR_STOP=1', '-f', file]],
  ['custom', 'pg_restore', (file: string) => ['--exit-on-error', file]],
  ['directory', 'pg_restore', (file: string) => ['--exit-on-error', '--jobs', '4', file]],
] as const)('a dump in the format %s is restored by %s', async (format, program, args) => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-dump-'));
  const file = join(directory.path, 'dump');
  const jobs = format === 'directory' ? ['--jobs', '4'] : [];
  await run('pg_dump', '--format', format, ...jobs, '--file', file, 'origin');
  const target = `from_${format}`;
  await run('createdb', target);
  await run(program, '-d', target, ...args(file));
  expect(await contentsOf(target)).toBe(contents);
  await run('dropdb', target);
});

test('what pg_dumpall says makes a whole server again', async () => {
  await psql('postgres', "create role worker login; alter role worker set work_mem = '7MB'");
  await psql('origin', 'grant select on people to worker');
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-dump-'));
  const file = join(directory.path, 'all.sql');
  await run('pg_dumpall', '--file', file);
  // Its own user is there in any server.
  const script = (await readFile(file, 'utf8')).replace('CREATE ROLE postgres;', '');
  await writeFile(file, script);
  const first = database;
  await using second = await startDatabase();
  try {
    database = second;
    await run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', file, 'postgres');
    expect(await contentsOf('origin')).toBe(contents);
    expect(await psql('origin', "select has_table_privilege('worker', 'people', 'select')")).toBe('t\n');
  } finally {
    database = first;
  }
});

test('\\copy brings a file there and back', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-copy-'));
  const [input, output] = [join(directory.path, 'in.csv'), join(directory.path, 'out.csv')];
  const rows = Array.from({ length: 20_000 }, (_, index) => `${index},"with, comma ""${index}""",ä\n`).join(
    '',
  );
  await writeFile(input, rows);
  await psql('postgres', 'create table copied(i int, t text, u text)');
  await psql('postgres', `\\copy copied from '${input}' csv`);
  await psql('postgres', `\\copy (select * from copied order by i) to '${output}' csv`);
  expect(await readFile(output, 'utf8')).toBe(rows.replaceAll(/"(with[^\n]*)",/g, '"$1",'));
});

test('pgbench fills its tables, and its sums are equal in the end', async () => {
  await run('pgbench', '-i', '-q', '-s', '1', 'postgres');
  const said = await run('pgbench', '-c', '4', '-t', '50', '-n', 'postgres');
  expect(said).toContain('number of transactions actually processed: 200/200');
  const sums = ['accounts', 'tellers', 'branches'].map(
    (each) => `(select sum(${each[0]}balance) from pgbench_${each})`,
  );
  const [row = ''] = (
    await psql('postgres', `select ${sums.join(', ')}, (select sum(delta) from pgbench_history)`)
  ).split('\n');
  expect(new Set(row.split('|')).size).toBe(1);
  expect(await psql('postgres', 'select count(*) from pgbench_history')).toBe('200\n');
});
