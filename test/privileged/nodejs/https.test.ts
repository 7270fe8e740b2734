/** HTTPS to and from an app in a sandbox: the whole command. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { SOCK_STREAM, bindSocket, listenSocket, openSocket } from '../../../src/os/socket.ts';
import { makeCertificates } from '../../helpers/certificates.ts';
import type { Certificates } from '../../helpers/certificates.ts';
import { newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';

const AF_INET = 2;
const PORT = 8443;
const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

const prefix = newPrefix();
const made = new AsyncDisposableStack();
let world = '';
let certificates: Certificates;
const certificate = (name: string): string => join(certificates.directory, name);

/** A server of HTTPS at a public address (RFC 5737), in a namespace of its own behind a veth pair. */
beforeAll(async () => {
  const last = 2 * randomInt(1, 120);
  world = `198.51.100.${last + 1}`;
  certificates = made.use(makeCertificates([world]));
  const namespace = made.use(createNamespace(`${prefix}-world`));
  namespace.connect({ veth: `${prefix}-s`, hostAddress: `198.51.100.${last}`, sandboxAddress: world });
  const fd = namespace.run(() => {
    const socket = openSocket(AF_INET, SOCK_STREAM);
    bindSocket(socket, world, PORT);
    listenSocket(socket, 16);
    return socket;
  });
  const [key, cert] = ['server.key', 'server.pem'].map((name) => readFileSync(certificate(name)));
  const server = createServer({ key, cert }, (_, response) => response.end('from outside')).listen({ fd });
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

/** The app sees the certificates at their place, and nobody's environment. */
const options = (name: string): string[] => [
  ...['--language', 'nodejs', '--name', name],
  ...['--dir', `${certificates.directory}:${certificates.directory}:ro`],
  ...['--env', `CERTIFICATES=${certificates.directory}`],
];

const curl = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('curl', ['-sS', '--max-time', '10', '--cacert', certificate('ca.pem'), ...args]))
    .stdout;

test('curl trusts the server of an app, and is trusted', async () => {
  await using run = startCli(['os', program('https-server.cjs'), ...options('server'), '--forward', '3000'], {
    prefix,
  });
  const { port } = new URL(await run.url());
  const url = `https://localhost:${port}/`;
  expect(await curl(url)).toBe('hello somebody by TLSv1.3 at localhost');
  expect(await curl('--tls-max', '1.2', url)).toBe('hello somebody by TLSv1.2 at localhost');
  const own = ['--cert', certificate('client.pem'), '--key', certificate('client.key')];
  expect(await curl(...own, url)).toBe('hello client by TLSv1.3 at localhost');
  run.process.kill('SIGINT');
  expect((await run.ended).status).toBe(130);
});

const visit = (name: string, ...flags: string[]) =>
  runCli(['os', program('https-client.mjs'), ...options(name), ...flags, '--', world, String(PORT)], {
    prefix,
    // What the host trusts is not what an app does.
    env: { NODE_EXTRA_CA_CERTS: certificate('ca.pem') },
  });

test('an app gets out where a rule lets it, and trusts what Node brings and what it is told', async () => {
  const { stdout, status } = await visit('out', '--allow-net', `${world}:${PORT}`);
  expect(stdout.split('\n').slice(0, 4)).toEqual([
    'trusting from outside',
    'usual UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'fetch UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'extra 0',
  ]);
  expect(status).toBe(0);
});

test('and does not get out without one', async () => {
  const { stdout, stderr } = await visit('shut');
  expect(stdout).toContain('trusting ECONNREFUSED');
  expect(stderr).toContain(`refused: shut → ${world}:${PORT}`);
});
