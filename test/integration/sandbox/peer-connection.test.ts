/** Who is connected to when a record names a sandbox: the one it tells of, or nobody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { chmod, mkdtempDisposable } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectToPeer } from '../../../src/sandbox/peer-connection.ts';
import type { PeerAttempt } from '../../../src/sandbox/peer-connection.ts';
import { RECORD_VERSION } from '../../../src/sandbox/record.ts';
import type { SandboxRecord } from '../../../src/sandbox/record.ts';
import { State } from '../../../src/sandbox/state.ts';
import { openDescriptors } from '../../helpers/cli.ts';

let made: AsyncDisposableStack;
let root = '';
let state: State;
beforeEach(async () => {
  made = new AsyncDisposableStack();
  const temporary = made.use(await mkdtempDisposable(join(tmpdir(), 'wasmrun-peer-')));
  root = join(temporary.path, 'state');
  state = new State('test', root);
});
afterEach(() => made.disposeAsync());

/** Writes down that this process supervises a sandbox `db`. */
const claim = async (changes: Partial<SandboxRecord>): Promise<void> => {
  const record: SandboxRecord = {
    version: RECORD_VERSION,
    name: 'db',
    id: '0123456789ab',
    language: 'wasm',
    app: '/srv/db',
    isDetached: false,
    startedAt: 1,
    pid: process.pid,
    enclosure: { isolation: 'virtual' },
    forwards: [],
    ...changes,
  };
  const claimed = await state.exclusively(async () => state.claim(record));
  made.defer(() => state.exclusively(async () => claimed[Symbol.dispose]()));
};

const forwardFrom = (hostPort: number, ...addresses: string[]): Partial<SandboxRecord> => ({
  forwards: [
    { protocol: 'udp', addresses: ['127.0.0.1'], hostPort: 1, processPort: 5432 },
    { protocol: 'tcp', addresses: ['127.0.0.1'], hostPort: 2, processPort: 80 },
    { protocol: 'tcp', addresses, hostPort, processPort: 5432 },
  ],
});

/** Tells how often somebody came. */
const listen = async (host: string): Promise<{ server: Server; port: number; visits: () => number }> => {
  let visits = 0;
  const server = createServer((socket) => {
    visits += 1;
    socket.destroy();
  }).listen(0, host);
  await once(server, 'listening');
  made.defer(() => new Promise((resolve) => server.close(() => resolve())));
  return { server, port: (server.address() as AddressInfo).port, visits: () => visits };
};

/** What came of it, a socket being closed. */
const attempt = (changes: Partial<Parameters<typeof connectToPeer>[0]> = {}): PeerAttempt | 'connecting' => {
  const result = connectToPeer({ state, ownId: 'ba9876543210', name: 'db', port: 5432, ...changes });
  if (result === undefined || 'reason' in result) return result;
  closeSync(result.socket);
  return 'connecting';
};

test.each([
  ['127.0.0.1', ['127.0.0.1', '::1']],
  ['127.0.0.1', ['::1', '127.0.0.1']],
  ['0.0.0.0', ['0.0.0.0']],
  ['::1', ['::1']],
])('a forward that its supervisor holds on %s leads to it (%j)', async (host, addresses) => {
  const { server, port } = await listen(host);
  await claim(forwardFrom(port, ...addresses));
  const before = openDescriptors();
  expect(attempt()).toBe('connecting');
  await once(server, 'connection');
  await expect.poll(openDescriptors).toBe(before);
});

test('a host port that somebody else holds is not it, whatever the record says', async () => {
  const program =
    'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })';
  const other = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  made.defer(async () => {
    other.kill('SIGKILL');
    await once(other, 'exit');
  });
  const [text] = (await once(other.stdout, 'data')) as [Buffer];
  await claim(forwardFrom(Number(text), '127.0.0.1'));
  const before = openDescriptors();
  expect(attempt()).toBeUndefined();
  expect(openDescriptors()).toBe(before);
});

test('a supervisor that does not hold it is not it either', async () => {
  const { port } = await listen('127.0.0.1');
  await claim({ ...forwardFrom(port, '127.0.0.1'), pid: process.ppid });
  expect(attempt()).toBeUndefined();
});

test('nobody listens there any more', async () => {
  const { server, port } = await listen('127.0.0.1');
  await new Promise((resolve) => server.close(resolve));
  await claim(forwardFrom(port, '127.0.0.1'));
  expect(attempt()).toBeUndefined();
});

test('an address is looked for over its own link only: never elsewhere', async () => {
  // The address leads somewhere here, but the link is gone.
  const { port, visits } = await listen('127.0.0.1');
  const link = { veth: 'wasmrun-none', hostAddress: '127.0.0.0', sandboxAddress: '127.0.0.1' };
  const enclosure = { isolation: 'namespace', namespace: 'test-db', slot: 0, link } as const;
  await claim({ enclosure, firewall: 'nftables' });
  const before = openDescriptors();
  expect(attempt({ port })).toBeUndefined();
  expect(openDescriptors()).toBe(before);
  expect(visits()).toBe(0);
});

test('one whose link leads nowhere is reached by a forward, as one without an address', async () => {
  const { server, port } = await listen('127.0.0.1');
  const link = { veth: 'wasmrun-none', hostAddress: '10.231.0.0', sandboxAddress: '10.231.0.1' };
  const enclosure = { isolation: 'namespace', namespace: 'test-db', slot: 0, link } as const;
  await claim({ enclosure, ...forwardFrom(port, '127.0.0.1') });
  expect(attempt()).toBe('connecting');
  await once(server, 'connection');
});

test.each([
  ['another name', { name: 'other' }, 'no sandbox of that name is running'],
  ['its own name', { ownId: '0123456789ab' }, 'that is the sandbox itself, whose ports are at localhost'],
  [
    'a port without a forward',
    { port: 1 },
    'db has no address of its own, and no forward leads to that port',
  ],
])('%s leads nowhere, with the reason', async (_what, changes, reason) => {
  await claim(forwardFrom(1, '127.0.0.1'));
  expect(attempt(changes)).toMatchObject({ reason });
});

test('records that others may write are not believed', async () => {
  await claim({});
  await chmod(root, 0o777);
  expect(attempt()).toMatchObject({ reason: expect.stringContaining('others may write there') as string });
  await chmod(root, 0o700);
});
