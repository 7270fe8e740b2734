/** Clients that are too many, too slow, or gone: others go on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDatabaseWith } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { PostgresClient, protocolMessage, startupMessage } from '../../helpers/postgres-client.ts';

/** One of them is the server's own (login-rules.ts). */
const CONNECTIONS = 6;
const PLACES = CONNECTIONS - 1;

let database: TestDatabase;
beforeAll(async () => {
  database = await startDatabaseWith(
    `settings = { max_connections = ${CONNECTIONS}, superuser_reserved_connections = 1, ` +
      'reserved_connections = 1, authentication_timeout = "1s" }',
  );
  using client = await connect();
  await client.query(`create role joe login; create role ann login in role pg_use_reserved_connections;
    create table held(i int)`);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

const connect = (user = 'postgres'): Promise<PostgresClient> => PostgresClient.connect(database.port, user);

/** Whoever was there before has gone. */
const alone = async (): Promise<void> => {
  using client = await connect();
  const others = `select count(*) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  await expect.poll(async () => (await client.query(others)).rows).toEqual([['0']]);
};

const TOO_MANY = '53300 sorry, too many clients already';
const reservedFor = (whom: string): string =>
  `53300 remaining connection slots are reserved for roles with ${whom}`;

describe('clients that are too many', () => {
  test('are told so, the last places are for some, and whoever goes makes room', async () => {
    await alone();
    using taken = new DisposableStack();
    for (let index = 0; index < PLACES - 2; index += 1) taken.use(await connect('joe'));
    await expect(connect('joe')).rejects.toThrow(
      reservedFor('privileges of the "pg_use_reserved_connections" role'),
    );
    const ann = taken.use(await connect('ann'));
    await expect(connect('ann')).rejects.toThrow(reservedFor('the SUPERUSER attribute'));
    taken.use(await connect());
    await expect(connect()).rejects.toThrow(TOO_MANY);
    await expect(connect('joe')).rejects.toThrow(TOO_MANY);
    expect((await ann.query('select 1')).rows).toEqual([['1']]);
    ann[Symbol.dispose]();
    await expect.poll(() => connect().then((next) => next[Symbol.dispose](), String)).toBeUndefined();
  });

  test('are hung up on where they say nothing, as those are that take too long', async () => {
    await alone();
    const startup = startupMessage('postgres');
    const silent = Array.from({ length: PLACES + 3 }, (_, index) => {
      const client = PostgresClient.open(database.port);
      client.send(startup.subarray(0, index));
      return client;
    });
    await Promise.all(silent.map((client) => client.rest()));
    using client = await connect();
    expect((await client.query('select 1')).rows).toEqual([['1']]);
  });
});

test('a client that does not read its answer holds nobody up', async () => {
  await alone();
  using slow = await connect();
  using other = await connect();
  slow.socket.pause();
  slow.send(protocolMessage('Q', "select repeat('x', 1000) from generate_series(1, 200000)\0"));
  const state = `select state from pg_stat_activity where pid = ${slow.pid}`;
  await expect.poll(async () => (await other.query(state)).rows).toEqual([['active']]);
  for (let index = 0; index < 50; index += 1) {
    expect((await other.query(`select ${index}`)).rows).toEqual([[String(index)]]);
  }
  expect((await other.query(state)).rows).toEqual([['active']]);
  slow.socket.resume();
  expect((await slow.answer()).rows).toHaveLength(200_000);
});

describe('a client that has gone', () => {
  test('while its answer is on the way leaves its locks', async () => {
    await alone();
    using other = await connect();
    const gone = await connect();
    await gone.query('begin; lock table held; insert into held values (1)');
    gone.socket.pause();
    gone.send(protocolMessage('Q', "select repeat('x', 1000) from generate_series(1, 200000)\0"));
    const waiting = other.query('select count(*) from held');
    gone.socket.resetAndDestroy();
    expect((await waiting).rows).toEqual([['0']]);
  });

  test('while its command computes is noticed, where it is looked for', async () => {
    await alone();
    using other = await connect();
    const gone = await connect();
    await gone.query("set client_connection_check_interval = '20ms'; begin; lock table held");
    gone.send(protocolMessage('Q', 'select count(*) from generate_series(1, 1000000000000)\0'));
    const waiting = other.query('select count(*) from held');
    gone.socket.destroy();
    expect((await waiting).rows).toEqual([['0']]);
  });

  test('while its command waits is noticed, too', async () => {
    await alone();
    using other = await connect();
    const gone = await connect();
    await gone.query("set client_connection_check_interval = '20ms'; begin; lock table held");
    gone.send(protocolMessage('Q', 'select pg_sleep(3600)\0'));
    const waiting = other.query('select count(*) from held');
    gone.socket.destroy();
    expect((await waiting).rows).toEqual([['0']]);
  });
});
