/** What calls itself too often is an error, as on any machine; and not the end of the server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const TOO_DEEP = 'stack depth limit exceeded';
const DEPTH = 1_000_000;

test.each([
  ['an array of JSON', `repeat('[', ${DEPTH})::json`],
  ['an object of JSON', `repeat('{"a":', ${DEPTH})::json`],
  ['an array of jsonb', `repeat('[', ${DEPTH})::jsonb`],
  ['a search for words', `repeat('!(', ${DEPTH})::tsquery`],
  ['a path of JSON', `(repeat('(', ${DEPTH}) || '1' || repeat(')', ${DEPTH}))::jsonpath`],
  ['a regular expression', `'a' ~ (repeat('(', ${DEPTH}) || 'a' || repeat(')', ${DEPTH}))`],
])('%s that is nested a million times', async (_, expression) => {
  const { stdout, stderr } = await database.psql([`select ${expression}`, 'select 1']);
  expect(stderr).toMatch(new RegExp(`${TOO_DEEP}|too complex|memory exhausted|too large`));
  expect(stdout).toBe('1\n');
});

test('an expression that is nested a hundred thousand times', async () => {
  const depth = 100_000;
  const input = `select ${'('.repeat(depth)}1${')'.repeat(depth)}; select ${'- '.repeat(depth)}1; select 1;`;
  const { stdout, stderr } = await database.psql([], { input });
  expect(stderr).toMatch(new RegExp(`${TOO_DEEP}|memory exhausted`));
  expect(stdout.endsWith('1\n')).toBe(true);
});

test('a function that calls itself, in SQL and in PL/pgSQL', async () => {
  const { stdout, stderr } = await database.psql([
    'create function down(i int) returns int language plpgsql as $$ begin return down(i + 1); end $$',
    'select down(1)',
    'select 1',
  ]);
  expect(stderr).toContain(TOO_DEEP);
  expect(stdout).toBe('1\n');
});

test('what is nested as far as is usual is not too deep', async () => {
  const depth = 2000;
  const { stdout, stderr } = await database.psql([
    `select length((repeat('[', ${depth}) || repeat(']', ${depth}))::json::text)`,
  ]);
  expect({ stdout, stderr }).toEqual({ stdout: `${2 * depth}\n`, stderr: '' });
});
