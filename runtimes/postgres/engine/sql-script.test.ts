import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SqlScript } from './sql-script.ts';

const split = (text: string): string[] => {
  const script = new SqlScript(text);
  const parts: string[] = [];
  for (let part = script.next(); part !== undefined; part = script.next())
    parts.push('command' in part ? `meta ${part.command}` : part.text);
  return parts;
};

describe('a statement ends at a semicolon, but not in', () => {
  test.each([
    ['a text', "select 'a;b', 'it''s;'"],
    ['one with backslashes', String.raw`select E'a\';b', e'\\;'`],
    ['one with backslashes that goes on in another line', "select E'a'\n -- ;'\n '\\';b'"],
    ['an ordinary text that ends in a backslash', String.raw`select 'a\'`],
    ['a bit string', "select b'01', X'ff;', U&'d;!0061t' uescape '!'"],
    ['a quoted name', 'select 1 as "a;""b"'],
    ['a dollar-quoted text', 'do $$ begin; end; $$'],
    ['one with a tag, and another in it', 'do $a$ $$ ; $b$ ; $$ $a$'],
    ['a comment', 'select 1 -- ; \' "\n + 1'],
    ['a comment with another in it', "select /* ; /* ' ; */ ; */ 1"],
    ['parentheses', 'create rule r as on insert to t do also (select 1; select 2)'],
    [
      'a function of SQL',
      'create or replace function f() returns int begin atomic select 1; select case when true then 1 end; end',
    ],
    ['a procedure of SQL', 'CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END'],
    ['what looks like the start of one', 'select "begin", beginning, a$begin$b from t'],
  ])('%s', (_what, statement) => {
    expect(split(`${statement};select 2;`)).toEqual([statement, 'select 2']);
  });
});

test.each([
  ['nothing', '', []],
  ['blank lines and comments', ' \n-- x;\n/* y; */ ;; \n', []],
  ['a mark of the byte order', '\u00EF\u00BB\u00BFselect 1;', ['select 1']],
  ['a last statement without a semicolon', 'select 1; select 2 \n', ['select 1', 'select 2']],
  ['a text without an end', "select 1; select '2;", ['select 1', "select '2;"]],
  ['a transaction', 'begin; select 1; end; select 2', ['begin', 'select 1', 'end', 'select 2']],
  [
    'a name that begins as a function would',
    'create table begin (i int); select 1',
    ['create table begin (i int)', 'select 1'],
  ],
  [
    'commands of psql',
    'select 1;\n\\restrict a b;c\nselect 2;\n\\q',
    ['select 1', 'meta \\restrict a b;c', 'select 2', 'meta \\q'],
  ],
])('%s', (_what, text, parts) => {
  expect(split(text)).toEqual(parts);
});

test('a command of psql in a statement is not alone', () => {
  expect(new SqlScript('select 1 \\gexec').next()).toMatchObject({ command: '\\gexec', isAlone: false });
  expect(new SqlScript(' \\gexec').next()).toMatchObject({ command: '\\gexec', isAlone: true });
});

test('where texts are not standard, a backslash hides a quote', () => {
  const script = new SqlScript(String.raw`select 'a\';b'; select 2`);
  script.hasStandardStrings = false;
  expect(script.next()).toMatchObject({ text: String.raw`select 'a\';b'` });
});

describe('data of COPY', () => {
  test.each([
    ['copy t from stdin;\n1\ta;b\n2\t\\\\.\n\\.\nselect 1;', '1\ta;b\n2\t\\\\.\n', ['select 1']],
    ['copy t from stdin; \r\n1\r\n\\.\r\nselect 1;', '1\r\n', ['select 1']],
    ['copy t from stdin;\n\\.\nselect 1;', '', ['select 1']],
    ["copy t from stdin;\nit's\n", "it's\n", []],
  ])('%j', (text, data, rest) => {
    const script = new SqlScript(text);
    expect(script.next()).toMatchObject({ text: 'copy t from stdin' });
    const copied = script.copyData();
    expect(copied.data).toBe(data);
    expect(script.lineOf(copied.start)).toBe(2);
    expect(
      [script.next()].flatMap((part) => (part !== undefined && 'text' in part ? [part.text] : [])),
    ).toEqual(rest);
  });
});

/** What statements are made of: each piece is whole in itself. */
const content = fc.string({
  unit: fc.constantFrom(';', "'", '"', '$', '\\', '-', '/', '*', '\n', 'a', '(', ' ', '\u00E4'),
});
const piece = fc.oneof(
  fc.constantFrom(
    'select',
    'begin',
    'end',
    'case',
    'function',
    'x1',
    '$1',
    '1.5',
    '+',
    '::',
    ',',
    'e',
    'a$b',
  ),
  content.map((text) => `'${text.replaceAll("'", "''")}'`),
  // A plain string on another line would go on with it, and its backslashes count.
  content.map((text) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}' x`),
  content.map((text) => `"${text.replaceAll('"', '""')}"`),
  content.filter((text) => !text.includes('$q$') && !text.endsWith('$q')).map((text) => `$q$${text}$q$`),
  content.map((text) => `--${text.replaceAll('\n', ' ')}\n`),
  content.map((text) => `/*${text.replaceAll(/[/*]/g, '+')}*/`),
  content.map((text) => `('${text.replaceAll("'", "''")}' ; x)`),
);
const statement = fc
  .array(piece, { maxLength: 8 })
  .map((pieces) => ['select 1', ...pieces].join(' ').trimEnd());

test('what was put together is taken apart', () => {
  fc.assert(
    fc.property(fc.array(statement), (statements) => {
      expect(split(statements.map((each) => `${each}\n;`).join('\n'))).toEqual(statements);
    }),
  );
});

test('a function is one statement, whatever its statements are', () => {
  const body = fc.array(statement.map((text) => text.replaceAll(/\b(?:begin|end|case)\b/g, 'x')));
  fc.assert(
    fc.property(body, (statements) => {
      const made = `create function f() returns int begin atomic ${statements.map((each) => `${each}\n;`).join('')} end`;
      expect(split(`${made};select 2;`)).toEqual([made, 'select 2']);
    }),
  );
});

test('nothing is lost or read twice, and it always comes to an end', () => {
  fc.assert(
    fc.property(content, (text) => {
      const script = new SqlScript(text);
      let end = 0;
      for (let part = script.next(); part !== undefined; part = script.next()) {
        expect(part.start).toBeGreaterThanOrEqual(end);
        end = part.start + ('text' in part ? part.text.length : part.command.length);
        expect(end).toBeGreaterThan(part.start - 1);
      }
      expect(end).toBeLessThanOrEqual(text.length);
    }),
  );
});

test('lines are counted from 1 on', () => {
  const text = 'a\nb\r\nc';
  const script = new SqlScript(text);
  expect([0, 1, 2, 5].map((place) => script.lineOf(place))).toEqual([1, 1, 2, 3]);
});
