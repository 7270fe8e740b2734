/** The table `[postgres]`. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ENGINE_PARAMETERS } from '../../../runtimes/postgres/engine/server-parameters.ts';
import { printSettings } from '../../../src/cli/settings-text.ts';
import { FIXED_PARAMETERS, refuseForOthers } from '../../../src/config/postgres-settings.ts';
import { Secret } from '../../../src/config/secret.ts';
import { failure, load } from './load-settings.ts';

const WORD = 'correct horse';

test('everything that is said of a database', async () => {
  const { settings, directory } = await load({
    '.wasmrun.toml': `[app]
language = "postgres"
[postgres]
database = "shop"
user = "keeper"
password = "${WORD}"
data = "files/data"
init = ["schema.sql", "seed.sql"]
extensions = "pg_trgm"
slow_ms = 0
[postgres.settings]
work_mem = "8MB"
Max_Connections = 20
random_page_cost = 1.5
enable_seqscan = false
pg_trgm.similarity_threshold = 0.4
"auto_explain.log_analyze" = true
`,
  });
  const { password, ...rest } = settings.postgres;
  expect(password?.reveal()).toBe(WORD);
  expect(rest).toEqual({
    database: 'shop',
    user: 'keeper',
    data: `${directory}/files/data`,
    init: [`${directory}/schema.sql`, `${directory}/seed.sql`],
    extensions: ['pg_trgm'],
    slowMs: 0,
    parameters: {
      work_mem: '8MB',
      max_connections: '20',
      random_page_cost: '1.5',
      enable_seqscan: 'false',
      'pg_trgm.similarity_threshold': '0.4',
      'auto_explain.log_analyze': 'true',
    },
  });
});

describe('the password', () => {
  const file = { '.wasmrun.toml': '[app]\nlanguage = "postgres"\n[postgres]\npassword = "of the file"\n' };

  test('a variable beats the file', async () => {
    const { settings, origins } = await load(file, { environment: { WASMRUN_POSTGRES_PASSWORD: WORD } });
    expect(settings.postgres.password?.reveal()).toBe(WORD);
    expect(origins['postgres.password']).toBe('environment WASMRUN_POSTGRES_PASSWORD');
  });

  test('is shown nowhere', async () => {
    const { loaded } = await load(file);
    const printed = printSettings(loaded, true);
    expect(printed).toMatch(/^password = "\*\*\*" +# \.\/\.wasmrun\.toml:4:1$/m);
    const { settings } = loaded;
    for (const text of [
      printed,
      JSON.stringify(settings),
      inspect(settings),
      String(new Secret('of the file')),
    ])
      expect(text).not.toContain('of the file');
  });

  test.each([
    ['["a secret"]', './.wasmrun.toml:4:12: password must be a string, not a list'],
    [String.raw`"a secret\u0000"`, './.wasmrun.toml:4:12: it contains a NUL character'],
    ['""', './.wasmrun.toml:4:12: it is empty'],
  ])('%s is refused without being shown', async (value, sentence) => {
    const { message } = await failure({
      '.wasmrun.toml': `[app]\nlanguage = "postgres"\n[postgres]\npassword = ${value}\n`,
    });
    expect(message).toBe(sentence);
  });
});

test('parameters are shown one by one, with where they come from', async () => {
  const { loaded } = await load({
    '.wasmrun.toml': '[postgres]\n[postgres.settings]\nwork_mem = "8MB"\n"a.b" = 1\n',
  });
  const lines = printSettings(loaded, true).split('\n');
  expect(lines).toContainEqual(
    expect.stringMatching(/^settings\.work_mem = "8MB" +# \.\/\.wasmrun\.toml:3:1$/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/^settings\."a\.b" = "1" +# \.\/\.wasmrun\.toml:4:1$/));
});

test.each([
  ['user = "pg_me"', '2:8', 'PostgreSQL keeps "pg_me" for itself'],
  ['user = ""', '2:8', 'it is empty'],
  [`database = "${'ä'.repeat(32)}"`, '2:12', 'longer than 63 bytes'],
  ['database = "template1"', '2:12', 'PostgreSQL keeps "template1" for itself'],
  ['extensions = ["../evil"]', '2:15', 'not the name of an extension'],
  ['slow_ms = -1', '2:11', '-1 is outside'],
  ['slow_ms = "1s"', '2:11', 'slow_ms must be an integer, not a string'],
  ['init = 5', '2:8', 'init must be a string or a list of strings, not an integer'],
  ['settings = 5', '2:12', 'settings must be a table, not an integer'],
  ['settings.work_mem = [8]', '2:21', 'must be a string, a number, true or false, not a list'],
  ['settings."work mem" = 8', '2:23', 'not the name of a parameter'],
  ['settings.MAX_WORKER_PROCESSES = 8', '2:33', 'max_worker_processes cannot be set'],
  ['settings.port = 5433', '2:17', 'port cannot be set'],
  ['passwort = "x"', '2:1', 'unknown key "passwort"'],
])('%s is refused', async (line, place, sentence) => {
  const { code, message, hint } = await failure({ '.wasmrun.toml': `[postgres]\n${line}\n` });
  expect(code).toBe('CONFIG_INVALID');
  expect(message).toContain(`./.wasmrun.toml:${place}: `);
  expect(message).toContain(sentence);
  expect(hint).toBeTruthy();
});

test('what the engine sets cannot be chosen', () => {
  expect(Object.keys(ENGINE_PARAMETERS).filter((name) => !FIXED_PARAMETERS.has(name))).toEqual([]);
});

describe('an app of another language', () => {
  const file = (language: string): Record<string, string> => ({
    '.wasmrun.toml': `[app]\n${language}\n[postgres]\ndatabase = "shop"\n`,
  });

  test.each([
    ['', 'this app is not said to be one'],
    ['language = "nodejs"', 'this app is one for "nodejs"'],
  ])('has no such settings: %s', async (language, sentence) => {
    const { merged } = await load(file(language));
    expect(() => refuseForOthers(merged)).toThrow(
      `./.wasmrun.toml:4:12: [postgres] is for databases, and ${sentence}`,
    );
  });

  test('may find the variable', async () => {
    const { merged } = await load({}, { environment: { WASMRUN_POSTGRES_PASSWORD: WORD } });
    expect(() => refuseForOthers(merged)).not.toThrow();
  });

  test('a database has them', async () => {
    const { merged } = await load(file('language = "postgres"'));
    expect(() => refuseForOthers(merged)).not.toThrow();
  });
});
