/** Clients that do not speak UTF-8, as libpq has them by `PGCLIENTENCODING`. */
import { spawnSync } from 'node:child_process';
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

/** Bytes that psql prints in an encoding of its own, for commands in that encoding. */
const psqlIn = (encoding: string, input: Uint8Array): { stdout: Buffer; stderr: string } => {
  const args = ['-XqAt', '-h', '127.0.0.1', '-p', String(database.port), '-U', 'postgres', 'postgres'];
  const env = { ...process.env, PGCLIENTENCODING: encoding };
  const { stdout, stderr } = spawnSync('psql', args, { input, env });
  return { stdout, stderr: stderr.toString('latin1') };
};

/** Commands in an encoding of which the text is in single quotes. */
const around = (text: Uint8Array, before: string, after: string): Buffer =>
  Buffer.concat([Buffer.from(before), text, Buffer.from(after)]);

/** An encoding's name here, its name at WHATWG, and a text of it in its bytes. */
const TEXTS: readonly (readonly [name: string, label: string, bytes: readonly number[]])[] = [
  ['LATIN1', 'iso-8859-1', [0xe4, 0xf6, 0xfc, 0xdf]],
  ['LATIN2', 'iso-8859-2', [0xe8, 0xb9, 0xbe]],
  ['WIN1252', 'windows-1252', [0x80, 0x93, 0xe4, 0x94]],
  ['WIN1251', 'windows-1251', [0xcf, 0xf0, 0xe8]],
  ['KOI8R', 'koi8-r', [0xf0, 0xd2, 0xc9]],
  ['EUC_JP', 'euc-jp', [0xc6, 0xfc, 0xcb, 0xdc, 0xa4, 0xa2, 0x8e, 0xb1]],
  ['SJIS', 'shift_jis', [0x93, 0xfa, 0x96, 0x7b, 0x82, 0xa0]],
  ['EUC_KR', 'euc-kr', [0xc7, 0xd1, 0xb1, 0xdb]],
  ['BIG5', 'big5', [0xa4, 0xa4, 0xa4, 0xe5]],
  ['GBK', 'gbk', [0xd6, 0xd0, 0xce, 0xc4]],
  ['GB18030', 'gb18030', [0xd6, 0xd0, 0x81, 0x30, 0x81, 0x30]],
];

describe.each(TEXTS)('%s', (name, label, bytes) => {
  const text = Buffer.from(bytes);
  const meaning = new TextDecoder(label).decode(text);

  test('what a client writes is what it means, and comes back as it was', async () => {
    const table = `in_${name.toLowerCase()}`;
    const { stdout, stderr } = psqlIn(
      name,
      around(text, `create table ${table} as select '`, `'::text as t; select t from ${table};`),
    );
    expect(stderr).toBe('');
    expect(stdout).toEqual(Buffer.concat([text, Buffer.from('\n')]));
    expect((await database.psql([`select t from ${table}`])).stdout).toBe(`${meaning}\n`);
  });
});

test('all that encodings of single bytes have is what it is elsewhere', async () => {
  for (const [name, label] of [
    ['LATIN1', 'latin1'],
    ['LATIN2', 'iso-8859-2'],
    ['WIN1250', 'windows-1250'],
    ['WIN1251', 'windows-1251'],
  ] as const) {
    const upper = Buffer.from(Array.from({ length: 96 }, (_, index) => 0xa0 + index));
    const hex = upper.toString('hex');
    const expected = label === 'latin1' ? upper.toString('latin1') : new TextDecoder(label).decode(upper);
    const { stdout, stderr } = await database.psql([
      `select convert_from('\\x${hex}', '${name}')`,
      `select encode(convert_to(convert_from('\\x${hex}', '${name}'), '${name}'), 'hex')`,
    ]);
    expect({ name, stderr, stdout }).toEqual({ name, stderr: '', stdout: `${expected}\n${hex}\n` });
  }
});

test('characters of two that are one elsewhere', async () => {
  const text = 'か゚と';
  const { stdout } = await database.psql([
    `select encode(convert_to('${text}', 'EUC_JIS_2004'), 'hex')`,
    `select convert_from(convert_to('${text}', 'EUC_JIS_2004'), 'EUC_JIS_2004')`,
  ]);
  expect(stdout).toBe(`a4f7a4c8\n${text}\n`);
});

test('what an encoding does not have, and what is none of it, are errors', async () => {
  const { stderr } = await database.psql(["select convert_to('日本', 'LATIN1')"]);
  expect(stderr).toContain(
    'character with byte sequence 0xe6 0x97 0xa5 in encoding "UTF8" has no equivalent in encoding "LATIN1"',
  );
  const invalid = psqlIn(
    'EUC_JP',
    Buffer.from([0x73, 0x65, 0x6c, 0x65, 0x63, 0x74, 0x20, 0x27, 0xa4, 0x27, 0x3b]),
  );
  expect(invalid.stderr).toContain('invalid byte sequence for encoding "EUC_JP": 0xa4 0x27');
  // The session goes on.
  const { stdout } = psqlIn('LATIN1', Buffer.from("select '\u20ac'; select 1;", 'utf8'));
  expect(stdout.toString('latin1')).toContain('1\n');
});
