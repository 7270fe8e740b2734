/**
 * A database that is sent nonsense, while somebody else works with it: it answers an error or hangs up, and never does
 * anything else. The noise is the same in every run.
 */
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { enginesOf } from '../../../src/sandbox/process-hops.ts';
import { startDatabaseWith } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { PostgresClient, protocolMessage, startupMessage } from '../../helpers/postgres-client.ts';
import { sessionNoise, startupNoise } from '../../helpers/protocol-noise.ts';

const SEED = 20_261_123;
/** Files that the sessions which stay may have opened meanwhile. */
const FILES_OF_ONES_OWN = 20;
/** Of messages: every fourth place to cut them is tried. */
const CUT_STEP = 4;

/** Somebody who works all the time, and sees that what is answered is what was asked. */
class Worker {
  readonly #client: PostgresClient;
  #isOver = false;
  readonly done: Promise<number>;

  constructor(client: PostgresClient) {
    this.#client = client;
    this.done = this.#work();
    // Who ends it is told.
    this.done.catch(() => {});
  }

  /** Resolves with how much was done. */
  async end(): Promise<number> {
    this.#isOver = true;
    const count = await this.done;
    this.#client[Symbol.dispose]();
    return count;
  }

  async #work(): Promise<number> {
    const client = this.#client;
    let count = 0;
    await client.query('create temp table own(i int); prepare asked as select sum(i), count(*) from own');
    for (; !this.#isOver; count += 1) {
      const { error } = await client.query(`insert into own values (${count})`);
      const { rows } = await client.query('execute asked');
      expect({ error, rows }).toEqual({
        error: undefined,
        rows: [[String((count * (count + 1)) / 2), String(count + 1)]],
      });
    }
    return count;
  }
}

let database: TestDatabase;
let worker: Worker;
let observer: PostgresClient;
let engine: number;
let descriptors: number;

const openDescriptors = (): number => readdirSync(`/proc/${engine}/fd`).length;
const backends = async (): Promise<string | null | undefined> =>
  (await observer.query(`select count(*) from pg_stat_activity where backend_type = 'client backend'`))
    .rows[0]?.[0];

beforeAll(async () => {
  database = await startDatabaseWith('');
  [engine] = enginesOf(database.run.process.pid!) as [number];
  observer = await PostgresClient.connect(database.port);
  await observer.query('create table noise(i int)');
  worker = new Worker(await PostgresClient.connect(database.port));
  // What a first session opens for all is open then.
  (await PostgresClient.connect(database.port))[Symbol.dispose]();
  await vi.waitFor(async () => expect(await backends()).toBe('2'));
  descriptors = openDescriptors();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** Says all of it and then nothing more; resolves when the server has hung up. */
const say = async (...parts: readonly Buffer[]): Promise<Buffer> => {
  using client = PostgresClient.open(database.port);
  for (const part of parts) {
    client.send(part);
    await setImmediate();
  }
  client.socket.end();
  return await client.rest();
};

const run = { seed: SEED, endOnFailure: true } as const;

describe('the server hangs up on', () => {
  test('noise before anybody is in', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(startupNoise, { minLength: 1, maxLength: 3 }), async (parts) => {
        await say(...parts);
      }),
      { ...run, numRuns: 200 },
    );
  });

  test('noise of somebody who is in', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(sessionNoise, async (parts) => {
        const answer = await say(startupMessage('postgres'), ...parts);
        // It was let in, whatever came then.
        expect(answer.toString('latin1', 0, 1)).toBe('R');
      }),
      { ...run, numRuns: 60 },
    );
  });

  test('somebody who goes without a word, in the middle of one, or of an answer', async () => {
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        using client = PostgresClient.open(database.port);
        const startup = startupMessage('postgres');
        if (index % 3 === 0) client.send(startup.subarray(0, index));
        if (index % 3 === 1)
          client.send(Buffer.concat([startup, protocolMessage('Q', 'select pg_sleep(60)\0')]));
        if (index % 3 === 2) {
          client.send(Buffer.concat([startup, protocolMessage('Q', "select repeat('x', 90000000)\0")]));
          await client.next();
        }
        client.socket.resetAndDestroy();
      }),
    );
  });
});

test('it does not matter where a message is cut', { timeout: 120_000 }, async () => {
  const whole = Buffer.concat([
    startupMessage('postgres', { application_name: 'cut' }),
    protocolMessage('Q', 'select 6 * 7\0'),
    protocolMessage('X'),
  ]);
  /** A row of one column, "42", and what it was the answer to. */
  const answered = Buffer.concat([
    protocolMessage('D', Buffer.from('0001000000023432', 'hex')),
    protocolMessage('C', 'SELECT 1\0'),
  ]);
  for (let at = 1; at < whole.length; at += CUT_STEP) {
    expect((await say(whole.subarray(0, at), whole.subarray(at))).includes(answered)).toBe(true);
  }
  const byteByByte = Array.from(whole, (_, index) => whole.subarray(index, index + 1));
  expect((await say(...byteByByte)).includes(answered)).toBe(true);
});

test('thousands of messages at once are answered one by one', async () => {
  const count = 20_000;
  using client = await PostgresClient.connect(database.port);
  client.send(Buffer.concat(Array.from({ length: count }, () => protocolMessage('S'))));
  for (let answered = 0; answered < count;) {
    const message = await client.next();
    // Parameters that are told of, now and then.
    if (message?.type !== 'S') expect(message?.type).toBe('Z');
    if (message?.type === 'Z') answered += 1;
  }
  expect((await client.query('select 1')).rows).toEqual([['1']]);
});

test('afterwards nothing is left of all that, and whoever has worked has had the right answers', async () => {
  await expect.poll(backends, { timeout: 20_000 }).toBe('2');
  await expect.poll(openDescriptors).toBeLessThanOrEqual(descriptors + FILES_OF_ONES_OWN);
  expect(
    (await observer.query('select count(*) from pg_locks where pid <> pg_backend_pid()')).rows,
  ).toBeDefined();
  expect(await worker.end()).toBeGreaterThan(100);
  expect(enginesOf(database.run.process.pid!)).toEqual([engine]);
  expect(database.run.stderr()).not.toMatch(/crashed|recovery/);
  observer[Symbol.dispose]();
});
