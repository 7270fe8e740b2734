/** A database that wants passwords, to psql and to clients that lie. */
import { chown, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDatabase, startDatabaseWith } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { PostgresClient, protocolMessage, startupMessage } from '../../helpers/postgres-client.ts';
import { authenticationRequest, saslInitialResponse, saslResponse } from '../../helpers/scram-client.ts';

const PASSWORD = 'Of Course, it is ünguessable';
/** Whom an engine becomes that root has started, with an app of nobody's. */
const NOBODY = 65_534;

let directory: Awaited<ReturnType<typeof mkdtempDisposable>>;
let database: TestDatabase;
beforeAll(async () => {
  directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-data-'));
  await chown(directory.path, NOBODY, NOBODY);
  const mount = ['--dir', `${directory.path}:/var/lib/postgresql/data`] as const;
  {
    await using trusting = await startDatabase(...mount);
    const { stderr } = await trusting.psql([
      `alter role postgres password '${PASSWORD}'`,
      `create role joe login password 'joe''s'`,
      `create role late login password 'late' valid until '2001-01-01'`,
      `create role later login password 'later' valid until '2999-01-01'`,
      'create role bare login',
      `create role group_of_them nologin password 'group'`,
      `create role old login password 'md5aaaabbbbccccddddaaaabbbbccccdddd'`,
    ]);
    expect(stderr).not.toContain('ERROR');
  }
  database = await startDatabaseWith(`password = "${PASSWORD}"`, ...mount);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const logIn = async (user: string, password?: string, env: Record<string, string> = {}) => {
  const own = { ...(password !== undefined && { PGPASSWORD: password }), ...env };
  const { status, stdout, stderr } = await database.psql(['select current_user'], {
    user,
    env: { PGPASSFILE: '/nonexistent', ...own },
    args: ['-w'],
  });
  return status === 0 ? stdout.trim() : stderr.trim().replace(/^.*FATAL: {2}/, '');
};

describe('psql', () => {
  test.each([
    ['postgres', PASSWORD],
    ['joe', "joe's"],
    ['later', 'later'],
  ])('comes in as %s', async (user, password) => {
    expect(await logIn(user, password)).toBe(user);
  });

  test.each([
    ['with a wrong password', 'postgres', 'wrong'],
    ["with another's password", 'joe', PASSWORD],
    ['after its password has run out', 'late', 'late'],
    ['as a role without a password', 'bare', 'x'],
    ['as a role whose password is kept in another way', 'old', 'x'],
    ['as a role that does not exist', 'nobody', 'x'],
  ])('is refused %s', async (_, user, password) => {
    expect(await logIn(user, password)).toBe(`password authentication failed for user "${user}"`);
  });

  test('is not told why, but whoever runs the server is', async () => {
    await logIn('later', 'x');
    await expect
      .poll(() => database.run.stderr())
      .toContain('somebody could not log in as "later": the password is wrong');
  });

  test('is told about a role that may not log in only what PostgreSQL tells', async () => {
    expect(await logIn('group_of_them', 'group')).toBe('role "group_of_them" is not permitted to log in');
  });

  test('has to bring a password', async () => {
    expect(await logIn('postgres')).toContain('no password supplied');
  });

  test('cannot bind the connection to a channel that is none', async () => {
    const answer = await logIn('postgres', PASSWORD, { PGCHANNELBINDING: 'require' });
    expect(answer).toContain('channel binding required');
  });
});

test('a password that is changed, or taken away, counts from then on', async () => {
  const change = (text: string) =>
    database.psql([text], { env: { PGPASSWORD: PASSWORD } }).then(({ stderr }) => expect(stderr).toBe(''));
  await change("create role ann login password 'first'");
  expect(await logIn('ann', 'first')).toBe('ann');
  await change("alter role ann password 'second'");
  expect(await logIn('ann', 'first')).toContain('authentication failed');
  expect(await logIn('ann', 'second')).toBe('ann');
  await change('alter role ann password null');
  expect(await logIn('ann', 'second')).toContain('authentication failed');
});

/** Everything up to what the server wants to hear last. */
const begin = async (user: string): Promise<{ client: PostgresClient; serverFirst: string }> => {
  const client = PostgresClient.open(database.port);
  client.send(startupMessage(user));
  expect(await authenticationRequest(client)).toEqual({ kind: 10, text: 'SCRAM-SHA-256\0\0' });
  client.send(saslInitialResponse());
  const { kind, text } = await authenticationRequest(client);
  expect(kind).toBe(11);
  return { client, serverFirst: text };
};

const saltOf = async (user: string): Promise<string> => {
  const { client, serverFirst } = await begin(user);
  client[Symbol.dispose]();
  return serverFirst.replace(/^r=[^,]*/, '');
};

describe('a client that speaks for itself', () => {
  test('comes in, and what it has sent too early is read when it is in', async () => {
    const { client, serverFirst } = await begin('joe');
    using _client = client;
    const proof = protocolMessage('p', saslResponse("joe's", serverFirst));
    client.send(Buffer.concat([proof, protocolMessage('Q', 'select 42\0')]));
    expect((await authenticationRequest(client)).kind).toBe(12);
    expect((await client.answer()).error).toBeUndefined();
    expect((await client.answer()).rows).toEqual([['42']]);
  });

  test('is not told which users there are', async () => {
    const [known, unknown] = [await saltOf('joe'), await saltOf('no such one')];
    expect(unknown).toHaveLength(known.length);
    expect(await saltOf('joe')).toBe(known);
    expect(await saltOf('no such one')).toBe(unknown);
    expect(await saltOf('another one')).not.toBe(unknown);
    const { client, serverFirst } = await begin('no such one');
    using _client = client;
    client.send(protocolMessage('p', saslResponse('x', serverFirst)));
    expect((await client.answer()).error).toBe('28P01 password authentication failed for user "no such one"');
  });

  test.each([
    [
      'does not log in at all',
      protocolMessage('Q', 'select 1\0'),
      '08P01 expected SASL response, got message type 81',
    ],
    [
      'wants another mechanism',
      saslInitialResponse(undefined, 'SCRAM-SHA-256-PLUS'),
      '08P01 client selected an invalid SASL authentication mechanism',
    ],
    ['says nothing', saslInitialResponse(Buffer.alloc(0)), '08P01 malformed SCRAM message'],
    ['says half of it', protocolMessage('p', 'SCRAM-SHA-256'), '08P01 invalid string in message'],
    [
      'sends a plain password',
      protocolMessage('p', `${PASSWORD}\0`),
      '08P01 client selected an invalid SASL authentication mechanism',
    ],
    [
      'says too much',
      protocolMessage('p', Buffer.alloc(1025)),
      '28P01 password authentication failed for user "joe"',
    ],
    [
      'says less than nothing',
      Buffer.from('p\xff\xff\xff\xff', 'latin1'),
      '28P01 password authentication failed for user "joe"',
    ],
    [
      'says far too much',
      Buffer.from('p\x7f\xff\xff\xff', 'latin1'),
      '28P01 password authentication failed for user "joe"',
    ],
  ])('and %s is refused', async (_, bytes, expected) => {
    using client = PostgresClient.open(database.port);
    client.send(startupMessage('joe'));
    expect((await authenticationRequest(client)).kind).toBe(10);
    client.send(bytes);
    expect((await client.answer()).error).toBe(expected);
    expect(await client.rest()).toHaveLength(0);
  });
});
