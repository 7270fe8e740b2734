/** A host port belongs to whoever listens on it, also where the kernel redirects it before anyone listens. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { describe, expect, test } from 'vitest';
import { eventually, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';

const TRANSPORTS = ['nftables', 'iptables', 'handoff'];
const GREETING = 'Hello from inside the sandbox\n';

/** A stranger's server, which shares its port with whoever wants that, too. */
const startStranger = async (host: string, port: number): Promise<Server> => {
  const server = createServer((_, response) => response.end('a stranger'));
  server.listen({ host, port, reusePort: true });
  await once(server, 'listening');
  return server;
};

const get = async (port: number): Promise<string> =>
  (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();

const argumentsFor = (transport: string, port: number): string[] => [
  'os',
  guestPath('hello-wasmedge'),
  '--forward',
  `${port}:3000`,
  '--transport',
  transport,
];

describe.each(TRANSPORTS)('a host port forwarded by %s', (transport) => {
  test.each(['127.0.0.1', '0.0.0.0', '::'])('is never taken from a stranger on %s', async (host) => {
    const prefix = newPrefix();
    await using stranger = await startStranger(host, await freePort());
    const { port } = stranger.address() as { port: number };
    const end = await runCli(argumentsFor(transport, port), { prefix });
    expect(end).toMatchObject({ status: 125, stderr: expect.stringContaining(`(pid ${process.pid})`) });
    expect(await get(port)).toBe('a stranger');
    expect(remains(prefix)).toEqual([]);
  });

  test('cannot be taken while it is ours, and is the next one’s once it is not', async () => {
    const prefix = newPrefix();
    const port = await freePort();
    await using run = startCli(argumentsFor(transport, port), { prefix });
    await run.url();
    for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1'])
      await expect(startStranger(host, port), host).rejects.toThrow('EADDRINUSE');
    expect(await get(port)).toBe(GREETING);
    run.process.kill('SIGTERM');
    await run.ended;
    await using _stranger = await startStranger('127.0.0.1', port);
    expect(await get(port)).toBe('a stranger');
    expect(remains(prefix)).toEqual([]);
  });

  test('is the next one’s by itself after kill -9', async () => {
    const prefix = newPrefix();
    const port = await freePort();
    await using run = startCli(argumentsFor(transport, port), { prefix });
    await run.url();
    run.process.kill('SIGKILL');
    await run.ended;
    expect(await eventually(() => remains(prefix).length === 0)).toBe(true);
    await using _stranger = await startStranger('127.0.0.1', port);
    expect(await get(port)).toBe('a stranger');
  });
});
