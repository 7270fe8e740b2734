/** What the package ships besides PostgreSQL itself. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { runCli } from '../../helpers/cli.ts';
import { DATABASE, startDatabaseIn } from '../../helpers/database.ts';

const DIRECTORY = fileURLToPath(
  new URL('../../../dist/drivers/postgres/installation/share/postgresql/extension', import.meta.url),
);
const NAMES = readdirSync(DIRECTORY)
  .filter((file) => file.endsWith('.control'))
  .map((file) => file.replace(/\.control$/, ''))
  .sort();

/** Questions to some of them, and the answers. */
const USES: readonly (readonly [question: string, answer: string])[] = [
  [
    "encode(digest('abc', 'sha256'), 'hex')",
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  ],
  [
    "crypt('pw', '$2a$06$Y04j0zoxZipP2wTjDSpN4.') = crypt('pw', crypt('pw', '$2a$06$Y04j0zoxZipP2wTjDSpN4.'))",
    't',
  ],
  ["pgp_sym_decrypt(pgp_sym_encrypt('data', 'pw'), 'pw')", 'data'],
  ['gen_random_uuid() <> gen_random_uuid()', 't'],
  ["similarity('word', 'words')", '0.5714286'],
  ["'a=>1, b=>2'::hstore -> 'b'", '2'],
  ["'Straight'::citext = 'sTRAIGHT'", 't'],
  ["uuid_generate_v5(uuid_ns_url(), 'x')", '4cd605e7-afa2-5360-b5b9-c5e9fb5c76f4'],
  ["'top.science.astronomy'::ltree <@ 'top.science'", 't'],
  ["unaccent('Hôtel')", 'Hotel'],
  ["levenshtein('kitten', 'sitting')", '3'],
  ["'(1,2,3)'::cube @> '(1,2,3)'::cube", 't'],
  ["isbn('978-0-393-04002-9')", '0-393-04002-X'],
  ['array[3,1,2]::int[] & array[2,3]', '{2,3}'],
];

describe('extensions', () => {
  test('all that there are can be made, by name in the settings and in SQL', async () => {
    expect(NAMES.length).toBeGreaterThan(30);
    await using app = await writeAppDirectory({
      '.wasmrun.toml': `${DATABASE}[postgres]\nextensions = ${JSON.stringify(NAMES)}\n`,
    });
    await using database = await startDatabaseIn(app.path);
    const { stdout } = await database.psql(['select extname from pg_extension order by extname collate "C"']);
    expect(stdout.trim().split('\n')).toEqual(NAMES);
    const { stdout: answers, stderr } = await database.psql(USES.map(([question]) => `select ${question}`));
    expect(stderr).toBe('');
    expect(answers.trim().split('\n')).toEqual(USES.map(([, answer]) => answer));
    const again = NAMES.filter((name) => name !== 'plpgsql').map(
      (name) => `create extension "${name}" cascade`,
    );
    const other = await database.psql(['create database other']);
    expect(other.stderr).toBe('');
    const made = await database.psql(again.toReversed(), { database: 'other' });
    expect(
      made.stderr.split('\n').filter((line) => /ERROR/.test(line) && !/already exists/.test(line)),
    ).toEqual([]);
  });

  test('statistics of statements are those of all sessions, and outlast a restart', async () => {
    await using app = await writeAppDirectory({
      '.wasmrun.toml': `${DATABASE}[postgres]\nextensions = ["pg_stat_statements"]\n`,
    });
    const question = ["select calls, query from pg_stat_statements where query like 'select $1 +%'"];
    for (let start = 1; start <= 2; start += 1) {
      await using database = await startDatabaseIn(app.path);
      await database.psql(['select 1 + 2']);
      await database.psql(['select 3 + 4']);
      expect((await database.psql(question)).stdout).toBe(`${2 * start}|select $1 + $2\n`);
    }
  });

  test('libraries that are none can be loaded', async () => {
    await using app = await writeAppDirectory({
      '.wasmrun.toml': `${DATABASE}[postgres]\nsettings.session_preload_libraries = "auto_explain, passwordcheck"\nsettings."auto_explain.log_min_duration" = 0\n`,
    });
    await using database = await startDatabaseIn(app.path);
    expect((await database.psql(["create role weak password 'x'"])).stderr).toContain(
      'password is too short',
    );
    await database.psql([
      "load 'pg_overexplain'",
      'explain (debug) select 1',
      'select count(*) from pg_class',
    ]);
    await database.run.printed(/LOG: {2}duration: .* plan:/);
  });

  test('one that there is not is refused with all that there are', async () => {
    await using app = await writeAppDirectory({
      '.wasmrun.toml': `${DATABASE}[postgres]\nextensions = ["pg_trgm", "postgis"]\n`,
    });
    const { status, stderr } = await runCli(['os', app.path, '--forward', '5432']);
    expect(status).toBe(2);
    expect(stderr).toContain('[postgres] extensions: there is no extension postgis');
    for (const name of NAMES) expect(stderr).toContain(name);
  });
});
