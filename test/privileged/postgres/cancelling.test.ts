/** Requests to cancel, as a client sends them on a connection of their own (PostgreSQL's documentation, 54.2.8). */
import { expect, test } from 'vitest';
import { startDatabase } from '../../helpers/database.ts';
import { PostgresClient, cancelRequest } from '../../helpers/postgres-client.ts';

const ask = async (port: number, pid: number, key: Buffer): Promise<string> => {
  using request = PostgresClient.open(port);
  request.send(cancelRequest(pid, key));
  return (await request.rest()).toString();
};

test('only who knows the key of a session cancels what it does, and nobody is told', async () => {
  await using database = await startDatabase();
  const { port } = database;
  using sleeper = await PostgresClient.connect(port);
  using other = await PostgresClient.connect(port);
  expect(sleeper.key).toHaveLength(4);
  expect(sleeper.key).not.toEqual(other.key);
  const sleeping = sleeper.query('select pg_sleep(3600)');
  const state = `select state from pg_stat_activity where pid = ${sleeper.pid}`;
  await expect.poll(async () => (await other.query(state)).rows).toEqual([['active']]);
  const wrong = Buffer.from(sleeper.key);
  wrong[3]! ^= 1;
  for (const key of [wrong, other.key, sleeper.key.subarray(0, 3), Buffer.concat([sleeper.key, wrong])]) {
    expect(await ask(port, sleeper.pid, key)).toBe('');
  }
  expect(await ask(port, other.pid + 100, sleeper.key)).toBe('');
  // What was sent before has arrived before.
  expect((await other.query(state)).rows).toEqual([['active']]);
  expect(await ask(port, sleeper.pid, sleeper.key)).toBe('');
  expect((await sleeping).error).toBe('57014 canceling statement due to user request');
  expect(await sleeper.query('select 1')).toEqual({ rows: [['1']], error: undefined });
});
