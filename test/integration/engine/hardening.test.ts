import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('hardened-program.ts', import.meta.url));

interface Seen {
  readonly here: Record<string, string>;
  readonly pool: { readonly IPv4: boolean; readonly Unix: boolean };
  readonly later: { readonly tried: Record<string, string>; readonly threads: Record<string, string>[] };
}

const server = createServer((socket) => socket.end());
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

const runProgram = async (...args: string[]): Promise<Seen> => {
  const { port } = server.address() as AddressInfo;
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args, String(port)], {
    // The engine's event loop does not run once it is hardened; this program's does.
    env: { UV_USE_IO_URING: '0' },
  });
  return JSON.parse(stdout) as Seen;
};

/** What code in the engine can still do. */
const WALLED = {
  'signal itself': 'EPERM',
  'signal its parent': 'EPERM',
  'signal one of its threads': 'ok',
  'socket: Unix': 'EPERM',
  'socket: netlink': 'EPERM',
  'socket: packet': 'EPERM',
  'socket: IPv4': 'ok',
  'socket: IPv6': 'ok',
  connect: 'EACCES',
  'send with fast open': 'EACCES',
  'send to nobody': 'EDESTADDRREQ',
  epoll: 'ok',
  'shared memory': 'EPERM',
  io_uring: 'EPERM',
  'read the shadow file': 'EACCES',
  'read a public file': 'ok',
};
const WALLED_FOR_GOOD = {
  'start a program': 'EPERM',
  fork: 'EPERM',
  clone: 'EPERM',
  clone3: 'ENOSYS',
  'new user namespace': 'EPERM',
  mount: 'EPERM',
  'be traced': 'EPERM',
  'kill its parent': 'EPERM',
  'become root': 'EPERM',
  'become the group of root': 'EPERM',
};
const SILENT = { 'send to an address': 'EACCES' };
const TALKING = { 'send to an address': 'ok' };
const PORTS = { 'bind a port': 'ok', listen: 'ok' };
const NO_PORTS = { 'bind a port': 'EACCES', listen: 'EACCES' };

describe('a hardened process', () => {
  test.each([
    ['silent', { ...SILENT, ...PORTS }],
    ['outbound', { ...TALKING, ...PORTS }],
    ['portless', { ...SILENT, ...NO_PORTS }],
  ])('(%s) can do little, on no thread', async (reach, reaching) => {
    const { here, pool, later } = await runProgram('hardened', reach);
    expect(here).toEqual({ ...WALLED, ...WALLED_FOR_GOOD, ...reaching });
    expect(pool).toEqual({ IPv4: true, Unix: false });
    expect(later.tried).toEqual({ ...WALLED, ...reaching });
    // The main thread, V8's, the pool's and the worker.
    expect(later.threads.length).toBeGreaterThan(5);
    const [first] = later.threads;
    expect(first).toMatchObject({
      uids: '65534\t65534\t65534\t65534',
      gids: '65534\t65534\t65534\t65534',
      groups: '',
      capabilities: Array.from({ length: 4 }, () => '0'.repeat(16)).join(' '),
      noNewPrivileges: '1',
      seccomp: '2',
    });
    for (const thread of later.threads) expect(thread).toEqual(first);
  });

  test('could do all of it before: the refusals are ours', async () => {
    const { here, pool, later } = await runProgram('bare', 'silent');
    const before = { ...here };
    expect(pool).toEqual({ IPv4: true, Unix: true });
    expect(before).toMatchObject({
      'signal itself': 'ok',
      'signal its parent': 'ok',
      'socket: Unix': 'ok',
      'socket: netlink': 'ok',
      'socket: packet': 'ok',
      connect: 'ok',
      'send to an address': 'ok',
      'shared memory': 'ok',
      io_uring: 'other',
      'read the shadow file': 'ok',
    });
    for (const thread of later.threads) expect(thread).toMatchObject({ noNewPrivileges: '0', seccomp: '0' });
  });
});
