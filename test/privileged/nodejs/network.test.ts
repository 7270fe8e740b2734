/** What a Node.js app reaches outside its sandbox, and who reaches it by UDP: the whole command. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { SOCK_STREAM, bindSocket, listenSocket, openSocket } from '../../../src/os/socket.ts';
import { newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { ask } from '../../helpers/datagram-client.ts';

const AF_INET = 2;
const PORT = 8080;
const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

const prefix = newPrefix();
const made = new AsyncDisposableStack();
let world = '';

/** A server of HTTP at a public address (RFC 5737), in a namespace of its own behind a veth pair. */
beforeAll(async () => {
  const last = 2 * randomInt(1, 120);
  world = `198.51.100.${last + 1}`;
  const namespace = made.use(createNamespace(`${prefix}-world`));
  namespace.connect({ veth: `${prefix}-w`, hostAddress: `198.51.100.${last}`, sandboxAddress: world });
  const fd = namespace.run(() => {
    const socket = openSocket(AF_INET, SOCK_STREAM);
    bindSocket(socket, world, PORT);
    listenSocket(socket, 16);
    return socket;
  });
  const server = createServer((_, response) => response.end('from outside')).listen({ fd });
  await once(server, 'listening');
  made.defer(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
});
afterAll(async () => {
  await made.disposeAsync();
  expect(remains(prefix)).toEqual([]);
});

const visit = (...flags: string[]) =>
  runCli(['os', program('outbound.mjs'), '--language', 'nodejs', ...flags, '--', world, String(PORT)], {
    prefix,
  });

test('without a rule nothing is reached: the app gets an error with a code, the user a line', async () => {
  const { stdout, stderr, status } = await visit('--name', 'shut');
  expect(stdout).toContain('fetch fetch failed ECONNREFUSED');
  expect(stdout).toContain(`http connect ECONNREFUSED ${world}:${PORT} ECONNREFUSED`);
  expect(stdout).toContain(`net connect ECONNREFUSED ${world}:${PORT} ECONNREFUSED`);
  expect(stdout).toContain('name fetch failed ENOTFOUND');
  expect(stdout).toContain('ENETUNREACH');
  expect(stderr).toContain(`refused: shut → ${world}:${PORT}: outbound connections are off`);
  expect(status).toBe(0);
});

test('a rule lets fetch, http and net out to what it names, and to nothing else', async () => {
  const { stdout, stderr, status } = await visit('--name', 'open', '--allow-net', `${world}:${PORT}`);
  expect(stdout).toContain('fetch from outside');
  expect(stdout).toContain('http from outside');
  expect(stdout).toContain('net connected');
  expect(stdout).toContain('name fetch failed ENOTFOUND');
  expect(stderr).not.toContain(`refused: open → ${world}`);
  expect(status).toBe(0);
});

test('a forwarded port of UDP leads to a socket of the app', async () => {
  await using run = startCli(
    ['os', program('datagram-echo.cjs'), '--language', 'nodejs', '--name', 'dns', '--forward', '53/udp'],
    { prefix },
  );
  const [, port] = await run.printed(/^\S+:(\d+)\/udp → dns:53\/udp/m);
  expect(await ask('hello', '127.0.0.1', Number(port))).toBe('hello from the guest');
  run.process.kill('SIGINT');
  expect((await run.ended).status).toBe(130);
});
