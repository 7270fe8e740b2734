import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECORD_VERSION } from '../../../src/sandbox/record.ts';
import type { SandboxRecord } from '../../../src/sandbox/record.ts';
import { State } from '../../../src/sandbox/state.ts';

let root = '';
let directory = '';
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), 'wasmrun-state-')), 'state');
  directory = join(root, 'test');
});
afterEach(() => rmSync(join(root, '..'), { recursive: true }));

const RECORD: SandboxRecord = {
  version: RECORD_VERSION,
  name: 'web',
  id: '0123456789ab',
  language: 'wasm',
  app: '/srv/web',
  isDetached: false,
  startedAt: 0,
  pid: process.pid,
  enclosure: {
    isolation: 'namespace',
    namespace: 'test-web',
    slot: 0,
    link: { veth: 'test-v0', hostAddress: '10.0.0.0', sandboxAddress: '10.0.0.1' },
  },
  forwards: [],
};

test('a record counts as alive while it is claimed, and leaves nothing when given up', async () => {
  const state = new State('test', root);
  const claim = await state.exclusively(async () => state.claim(RECORD));
  expect([state.living(), state.dead()]).toEqual([[RECORD], []]);
  await state.exclusively(async () => claim[Symbol.dispose]());
  expect(existsSync(root)).toBe(false);
});

test('one that lives is found by its name, unless others may write there', async () => {
  const state = new State('test', root);
  expect(state.find('web')).toBeUndefined();
  const claim = await state.exclusively(async () => state.claim(RECORD));
  expect(state.find('web')).toEqual(RECORD);
  for (const name of ['we', 'web.json', '../test/web', '']) expect(state.find(name)).toBeUndefined();
  chmodSync(root, 0o777);
  expect(() => state.find('web')).toThrow('others may write there');
  chmodSync(root, 0o700);
  await state.exclusively(async () => claim[Symbol.dispose]());
  expect(state.find('web')).toBeUndefined();
});

test('a record whose holder is gone is dead', async () => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'web.json'), JSON.stringify(RECORD));
  const state = new State('test', root);
  expect([state.living(), state.dead()]).toEqual([[], [RECORD]]);
  expect(state.find('web')).toBeUndefined();
  await state.exclusively(async () => state.forget(RECORD));
  expect(existsSync(root)).toBe(false);
});

test('half a record of somebody killed while writing it is swept away', async () => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'web.json.4711.draft'), '{"version":1,"na');
  const state = new State('test', root);
  await state.exclusively(async () => expect(state.dead()).toEqual([]));
  expect(existsSync(root)).toBe(false);
});

test('who waits for the lock can give up', async () => {
  const state = new State('test', root);
  const release = Promise.withResolvers<void>();
  const holder = state.exclusively(() => release.promise);
  let waits = 0;
  const waiter = state.exclusively(
    async () => 'never',
    () => {
      waits += 1;
      if (waits === 3) throw new Error('given up');
    },
  );
  await expect(waiter).rejects.toThrow('given up');
  release.resolve();
  await holder;
  await expect(state.exclusively(async () => readdirSync(root))).resolves.toEqual([]);
});
