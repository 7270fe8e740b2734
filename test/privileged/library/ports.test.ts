/** Forwards that a program opens and closes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ForwardInfoSchema, Sandbox } from '../../../src/index.ts';
import { newPrefix, remains } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import { HeldConnection } from './held-connection.ts';

const prefix = newPrefix();
let own: Sandbox;
let found: Sandbox;

beforeAll(async () => {
  own = await Sandbox.start({ app: guestPath('hello-wasmedge'), name: 'web', forwards: ['3000'], prefix });
  found = await Sandbox.connect('web', { prefix });
});

afterAll(async () => {
  await found[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
  expect(remains(prefix)).toEqual([]);
});

const get = async (url: string): Promise<string> =>
  (await fetch(url, { headers: { connection: 'close' } })).text();

// Whoever does it: the process the sandbox lives in, or another one over the control socket.
test.each([
  ['its own process', () => own],
  ['one that found it', () => found],
])('%s opens and closes forwards', async (_, sandboxOf) => {
  const sandbox = sandboxOf();
  const hostPort = await freePort();
  const forward = await sandbox.expose({ processPort: 3000, hostPort });
  expect(forward).toMatchObject({
    hostPort,
    processPort: 3000,
    protocol: 'tcp',
    transport: 'nftables',
    state: 'open',
    url: `http://localhost:${hostPort}`,
  });
  expect(ForwardInfoSchema.parse(forward)).toEqual(forward);
  expect(Object.isFrozen(forward) && Object.isFrozen(forward.addresses)).toBe(true);
  expect(await get(forward.url)).toContain('Hello');
  expect(sandbox.info.forwards.map((each) => each.hostPort)).toContain(hostPort);

  await sandbox.unexpose(hostPort);
  expect(sandbox.info.forwards).toHaveLength(1);
  await expect(get(forward.url)).rejects.toThrow('fetch failed');
  await expect(sandbox.unexpose(hostPort)).rejects.toMatchObject({
    code: 'FORWARD_NOT_FOUND',
    message: `web has no forward ${hostPort}`,
    hint: `it has ${sandbox.info.forwards[0]!.hostPort}:3000`,
  });
});

test('a free host port is chosen, on the addresses that are named', async () => {
  const forward = await own.expose({ processPort: 3000, addresses: ['127.0.0.1'] });
  expect(forward).toMatchObject({ addresses: ['127.0.0.1'], url: `http://127.0.0.1:${forward.hostPort}` });
  expect(await get(forward.url)).toContain('Hello');
  await own.unexpose(forward);
});

test('a taken host port is an error, or any other one on request', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: hostPort } = server.address() as AddressInfo;
  for (const sandbox of [own, found]) {
    await expect(sandbox.expose({ processPort: 3000, hostPort })).rejects.toMatchObject({
      name: 'WasmrunError',
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`pid ${process.pid}`) as string,
    });
    const forward = await sandbox.expose({ processPort: 3000, hostPort, anyPort: true });
    expect(forward.hostPort).not.toBe(hostPort);
    await sandbox.unexpose(forward);
  }
});

test('a forward of UDP is told from one of TCP by its protocol', async () => {
  const hostPort = await freePort();
  const datagrams = await own.expose({ processPort: 3000, hostPort, protocol: 'udp' });
  const connections = await own.expose({ processPort: 3000, hostPort });
  expect(datagrams).toMatchObject({ state: 'waiting', url: `localhost:${hostPort}` });
  await own.unexpose({ hostPort, protocol: 'udp' });
  expect(await get(connections.url)).toContain('Hello');
  await own.unexpose(connections);
  expect(own.info.forwards).toHaveLength(1);
});

test('a host port that leads to two ports is told by the process port', async () => {
  const hostPort = await freePort();
  await own.expose({ processPort: 3000, hostPort, addresses: ['127.0.0.1'] });
  await own.expose({ processPort: 3001, hostPort, addresses: ['::1'] });
  await expect(own.unexpose(hostPort)).rejects.toMatchObject({
    code: 'FORWARD_INVALID',
    hint: 'name one of them: processPort: 3000, processPort: 3001',
  });
  await own.unexpose({ hostPort, processPort: 3001 });
  await own.unexpose(hostPort);
  expect(own.info.forwards).toHaveLength(1);
});

test('established connections may finish, unless they are to end now', async () => {
  const forward = await own.expose({ processPort: 3000 });
  await using kept = await HeldConnection.open(forward.hostPort);
  await own.unexpose(forward);
  expect(await kept.ask()).toContain('200 OK');

  const again = await own.expose({ processPort: 3000 });
  await using cut = await HeldConnection.open(again.hostPort);
  await own.unexpose(again, { now: true });
  expect(await cut.ended()).toBe(true);
});
