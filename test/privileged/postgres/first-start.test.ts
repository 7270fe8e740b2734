/** What a new data directory has, and what later starts make of it. */
import { readFileSync, statSync } from 'node:fs';
import { appendFile, chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import type { AppFiles } from '../../helpers/app-directory.ts';
import { childrenOf, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { DATABASE, startDatabaseIn } from '../../helpers/database.ts';
import { enginesOf } from '../../helpers/live-app.ts';

const SHOP = `${DATABASE}[postgres]\nuser = "keeper"\ndatabase = "shop"\n`;
const AS_KEEPER = { user: 'keeper', database: 'shop' };
/** Whom an engine becomes that root has started, with an app of nobody's. */
const NOBODY = 65_534;

/** How a start ends that comes to nothing. */
const failedStart = async (directory: string, ...args: readonly string[]): Promise<string> => {
  const prefix = newPrefix();
  const { status, stderr } = await runCli(['os', directory, '--forward', '5432', ...args], { prefix });
  expect(status).toBe(126);
  expect(remains(prefix)).toEqual([]);
  return stderr;
};

const appWith = (postgres: string, files: AppFiles = {}) =>
  writeAppDirectory({ '.wasmrun.toml': `${SHOP}${postgres}`, ...files });

describe('the first start', () => {
  test('makes a directory, a role that may do anything, and a database of its own', async () => {
    await using app = await appWith('');
    await using database = await startDatabaseIn(app.path);
    expect(database.run.stderr()).toContain('new data directory ./data\n');
    expect(database.run.stderr()).toContain('there is no [postgres] password');
    const { mode, uid } = statSync(join(app.path, 'data'));
    expect([mode & 0o777, uid]).toEqual([0o700, NOBODY]);
    const { stdout } = await database.psql(
      [
        'select current_user, rolsuper from pg_roles where rolname = current_user',
        'select datname, datdba::regrole from pg_database where not datistemplate order by 1',
      ],
      AS_KEEPER,
    );
    expect(stdout).toBe('keeper|t\npostgres|postgres\nshop|keeper\n');
  });

  test('runs the files once, in their order, as psql would', async () => {
    await using app = await appWith('init = ["schema.sql", "sql/seed.sql"]\n', {
      'schema.sql': String.raw`\restrict abc
create table item(id int primary key, name text);
create function total() returns bigint begin atomic select 1; select count(*) from item; end;
copy item from stdin;
1	one;\ttab
2	\N
\.
vacuum item;
select pg_catalog.set_config('search_path', '', false);
begin;
create table public.never(i int);
\unrestrict abc
`,
      'sql/seed.sql': "insert into item values (3, 'it''s; three') -- last;\n",
    });
    const questions = [
      "select to_regclass('never') is null",
      "select id, coalesce(name, 'null') from item order by 1",
      "select total(), tableowner from pg_tables where tablename = 'item'",
    ];
    const answer = "t\n1|one;\ttab\n2|null\n3|it's; three\n3|keeper\n";
    {
      await using database = await startDatabaseIn(app.path);
      expect(database.run.stderr()).toContain('init schema.sql, sql/seed.sql\n');
      expect((await database.psql(questions, AS_KEEPER)).stdout).toBe(answer);
    }
    await appendFile(join(app.path, 'sql/seed.sql'), ';select no_such_thing;');
    {
      await using database = await startDatabaseIn(app.path);
      const said = database.run.stderr();
      expect(said).toContain('sql/seed.sql is not run: the data directory was made before\n');
      expect(said).not.toMatch(/init schema|new data directory/);
      expect((await database.psql(questions, AS_KEEPER)).stdout).toBe(answer);
    }
    await using database = await startDatabaseIn(app.path);
    expect(database.run.stderr()).not.toContain('is not run');
  });

  test('in memory it is the first one each time', async () => {
    await using app = await appWith('init = "schema.sql"\n', { 'schema.sql': 'create table t(i int)' });
    for (let start = 0; start < 2; start += 1) {
      await using database = await startDatabaseIn(app.path, ['--tmpfs', '/var/lib/postgresql/data']);
      expect(database.run.stderr()).toContain('init schema.sql\n');
      expect((await database.psql(['table t', 'drop table t'], AS_KEEPER)).stderr).toBe('');
    }
    expect(await readdir(app.path)).toEqual(['.wasmrun.toml', 'schema.sql']);
  });
});

describe('a file with an error ends the start, and nothing is kept', () => {
  test.each([
    [
      'where PostgreSQL says it is',
      'select 1;\n\nselect 1,\n  "ä", nothing\nfrom pg_class;',
      'schema.sql:4: ERROR: column "ä" does not exist',
    ],
    [
      'at the statement, where it does not say',
      'select 1;\n-- words\n\ndrop table\n missing;',
      'schema.sql:4: ERROR: table "missing" does not exist',
    ],
    ['at the end of the file', "select 1;\nselect 'x", 'schema.sql:2: ERROR: unterminated quoted string'],
    [
      'in the data of COPY',
      'create table t(i int);\ncopy t from stdin;\n1\nx\n\\.\n',
      'schema.sql:4: ERROR: invalid input syntax for type integer: "x"',
    ],
    [
      'at a command of psql',
      'select 1;\n\\connect other\n',
      String.raw`schema.sql:2: \connect is a command of psql`,
    ],
    [
      'in a function',
      "do $$\nbegin\n  raise exception 'no; never';\nend $$;",
      'schema.sql:1: ERROR: no; never',
    ],
  ])('%s', async (_where, text, sentence) => {
    await using app = await appWith('init = "schema.sql"\n', {
      'schema.sql': `create table first(i int); ${text}`,
    });
    expect(await failedStart(app.path)).toContain(sentence);
    await writeFile(join(app.path, 'schema.sql'), 'create table first(i int)');
    await using database = await startDatabaseIn(app.path);
    expect((await database.psql(['select count(*) from first'], AS_KEEPER)).stdout).toBe('0\n');
  });

  test('one that is missing', async () => {
    await using app = await appWith('init = ["missing.sql"]\n');
    expect(await failedStart(app.path)).toContain('missing.sql cannot be read: ENOENT');
  });

  test('a kill in the middle of one', async () => {
    await using app = await appWith('init = "schema.sql"\n', {
      'schema.sql': 'create table first(i int); select pg_sleep(60)',
    });
    const prefix = newPrefix();
    const run = startCli(['os', app.path, '--forward', '5432'], { prefix });
    await run.printed(/new data directory/);
    process.kill(childrenOf(run.process.pid!)[0]!, 'SIGKILL');
    await run.ended;
    await writeFile(join(app.path, 'schema.sql'), 'create table first(i int)');
    await using database = await startDatabaseIn(app.path);
    expect(database.run.stderr()).toContain('new data directory ./data\n');
    expect((await database.psql(['select count(*) from first'], AS_KEEPER)).stdout).toBe('0\n');
  });
});

test('a password is kept as a verifier, changed by a later start, and to be read nowhere', async () => {
  await using app = await appWith(
    '[postgres.settings]\nlog_statement = "all"\nlog_min_duration_statement = 0\n',
  );
  const verifiers: string[] = [];
  for (const word of ['first secret', 'second secret']) {
    await using database = await startDatabaseIn(app.path, [], {
      env: { WASMRUN_POSTGRES_PASSWORD: word, PGPASSWORD: word },
    });
    const { stdout } = await database.psql(["select rolpassword from pg_authid where rolname = 'keeper'"], {
      ...AS_KEEPER,
      env: { PGPASSWORD: word },
    });
    verifiers.push(stdout);
    const [engine] = enginesOf(database.run.process.pid!);
    for (const file of ['cmdline', 'environ'])
      expect(readFileSync(`/proc/${engine}/${file}`, 'latin1')).not.toContain('secret');
    database.run.process.kill('SIGTERM');
    const { stdout: printed, stderr } = await database.run.ended;
    expect(`${printed}${stderr}`).not.toContain('secret');
    expect(stderr).not.toContain('there is no [postgres] password');
    expect(stderr).toContain('select rolpassword');
  }
  for (const verifier of verifiers) expect(verifier).toMatch(/^SCRAM-SHA-256\$/);
  expect(verifiers[0]).not.toBe(verifiers[1]);
});

describe('a directory that cannot be used is not touched', () => {
  test('one with something else in it', async () => {
    await using app = await appWith('', { 'data/letter.txt': 'dear' });
    await chown(join(app.path, 'data'), NOBODY, NOBODY);
    expect(await failedStart(app.path)).toContain(
      './data is neither empty nor a data directory of PostgreSQL: it has letter.txt',
    );
    expect(await readdir(join(app.path, 'data'))).toEqual(['letter.txt']);
  });

  test.each(['15', '19'])('one of version %s', async (version) => {
    await using app = await appWith('', { 'data/PG_VERSION': `${version}\n` });
    await chown(join(app.path, 'data'), NOBODY, NOBODY);
    const said = await failedStart(app.path);
    expect(said).toContain(`./data belongs to PostgreSQL ${version}, and this is PostgreSQL 18`);
    expect(said).toContain('pg_dumpall');
    expect(await readdir(join(app.path, 'data'))).toEqual(['PG_VERSION']);
  });

  test("somebody else's", async () => {
    await using app = await appWith('');
    await mkdir(join(app.path, 'data'), { mode: 0o700 });
    expect(await failedStart(app.path)).toMatch(
      /cannot read the data directory \.\/data: EACCES[^]*chown -R 65534:65534 \.\/data/,
    );
  });

  test('one that another sandbox works on', async () => {
    await using app = await appWith('');
    await using first = await startDatabaseIn(app.path);
    const { status, stderr } = await runCli(['os', app.path, '--forward', '5432'], {
      prefix: first.run.prefix,
    });
    expect(status).toBe(125);
    expect(stderr).toMatch(/another database works on \.\/data: process \d+/);
    expect((await first.psql(['select 1'], AS_KEEPER)).stdout).toBe('1\n');
  });
});

test('a directory elsewhere, and one that is mounted, go before the one in the app', async () => {
  await using app = await appWith('data = "elsewhere/pg"\n', { 'elsewhere/': '', 'mounted/': '' });
  {
    await using database = await startDatabaseIn(app.path);
    expect(database.run.stderr()).toContain('new data directory ./elsewhere/pg\n');
  }
  await rm(join(app.path, 'elsewhere'), { recursive: true });
  await chown(join(app.path, 'mounted'), NOBODY, NOBODY);
  const mount = `${join(app.path, 'mounted')}:/var/lib/postgresql/data`;
  await using database = await startDatabaseIn(app.path, ['--dir', mount]);
  expect(database.run.stderr()).toContain('new data directory ./mounted\n');
});

test('parameters count from the start on', async () => {
  await using app = await appWith(
    '[postgres.settings]\nwork_mem = "12MB"\nshared_buffers = "64MB"\nmax_connections = 7\n',
  );
  await using database = await startDatabaseIn(app.path);
  const questions = [
    'show work_mem',
    'show shared_buffers',
    'show max_connections',
    'show log_min_duration_statement',
  ];
  expect((await database.psql(questions, AS_KEEPER)).stdout).toBe('12MB\n64MB\n7\n1s\n');
});

test('notices, errors and slow statements come out in the log', async () => {
  await using app = await appWith('slow_ms = 100\n[postgres.settings]\nlog_min_messages = "notice"\n');
  await using database = await startDatabaseIn(app.path);
  await database.psql(
    ["do $$ begin raise notice 'hear ye'; end $$", 'select pg_sleep(0.2)', 'select 1 as quick'],
    AS_KEEPER,
  );
  await database.psql(['select broken'], AS_KEEPER);
  await database.run.printed(/ERROR: {2}column "broken" does not exist/);
  const said = database.run.stderr();
  expect(said).toMatch(/NOTICE: {2}hear ye/);
  expect(said).toMatch(/LOG: {2}duration: \d+\.\d+ ms {2}statement: select pg_sleep\(0\.2\)/);
  expect(said).not.toContain('quick');
});
