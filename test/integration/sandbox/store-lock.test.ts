/** Apart from the other tests of the store, as it waits for as long as a user would. */
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { lockDirectory } from '../../../src/os/lock.ts';
import { StoreFixture, newSandbox } from './store-fixture.ts';

test('a program that keeps the file to itself is told of', async () => {
  using fixture = new StoreFixture();
  await using store = fixture.open();
  const web = await store.add(newSandbox('web'));
  using foreign = new DatabaseSync(fixture.path);
  foreign.exec('BEGIN IMMEDIATE');
  await expect(store.remove('web')).rejects.toMatchObject({ name: 'WasmrunError', code: 'STORE_FAILED' });
  foreign.exec('COMMIT');
  expect(await store.list()).toEqual([web]);
  expect(fixture.warnings).toEqual([]);
});

test(
  'a process that does not let go of the lock is waited for, but not for ever',
  { timeout: 30_000 },
  async () => {
    using fixture = new StoreFixture();
    await using store = fixture.open();
    await store.add(newSandbox('web'));
    const lock = await lockDirectory(fixture.directory);
    await expect(store.list()).rejects.toMatchObject({ name: 'WasmrunError', code: 'STORE_FAILED' });
    lock[Symbol.dispose]();
  },
);
