/** Forwards that are added, removed and moved in `.wasmrun.toml` while the app runs: it is not restarted. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually, newPrefix, runCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { ask, expectNobody, openClient } from '../../helpers/datagram-client.ts';
import { freePort } from '../../helpers/free-port.ts';
import { createApp, engineOf, get, reloads, stop, watch } from '../../helpers/live-app.ts';
import type { LiveApp } from '../../helpers/live-app.ts';
import { flowsTo } from '../network/test-network.ts';

const LOCALHOST = ['127.0.0.1', '::1'] as const;

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
// Only what a failed test has left behind.
afterEach(() => runCli(['gc'], { prefix }));

/** The port of UDP that a line of the command's output tells, once it does. */
const udpPort = async (run: CliRun, line: RegExp): Promise<number> => Number((await run.printed(line))[1]);

/** Ports of UDP that were free a moment ago. */
const freeUdpPorts = async (count: number): Promise<number[]> => {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  await Promise.all(sockets.map((socket) => once(socket, 'close')));
  return ports;
};

describe.each(['nftables', 'iptables', 'handoff'])('a forward of UDP by %s', (transport) => {
  const server = (bind: string, ...forwards: readonly string[]): string =>
    `[app]\nargs = ["server", "53", "${bind}"]\n[network]\nforwards = ${JSON.stringify(forwards)}\n`;

  const start = async (
    bind: string,
    ...forwards: readonly string[]
  ): Promise<{ app: LiveApp; run: CliRun } & AsyncDisposable> => {
    const stack = new AsyncDisposableStack();
    const app = stack.use(await createApp('udp-wasmedge', server(bind, ...forwards)));
    const run = stack.use(watch(app, ['--transport', transport], { prefix }));
    return { app, run, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  };

  test.each(['0.0.0.0', '127.0.0.1'])('is added to an app on %s, and removed', async (bind) => {
    const [first = 0, second = 0] = await freeUdpPorts(2);
    await using started = await start(bind, `${first}:53/udp`);
    const { app, run } = started;
    await run.printed(/53\/udp {2}/);
    const engine = await engineOf(run);
    const known = openClient('127.0.0.1');
    const seenAs = await ask('who?', '127.0.0.1', first, known);

    await app.configure(server(bind, `${first}:53/udp`, `${second}:53/udp`));
    await run.printed(new RegExp(`:${second}/udp → `));
    for (const host of LOCALHOST) expect(await ask('added', host, second)).toBe('added');
    // Who was a client before is the same one for the app.
    expect(await ask('who?', '127.0.0.1', first, known)).toBe(seenAs);

    await app.configure(server(bind, `${second}:53/udp`));
    await run.printed(new RegExp(`^${first}/udp → \\S+:53  closed$`, 'm'));
    if (transport !== 'handoff') expect(flowsTo(first)).toEqual([]);
    for (const host of LOCALHOST) {
      await expectNobody(host, first);
      expect(await ask('stays', host, second)).toBe('stays');
    }
    expect([await engineOf(run), reloads(run)]).toEqual([engine, 0]);
    await stop(run);
  });

  test.each(['0.0.0.0', '127.0.0.1'])(
    'that none of the app’s ports had is added to one on %s, and moves away',
    async (bind) => {
      const [port = 0, other = 0] = await freeUdpPorts(2);
      await using started = await start(bind, `${port}:54/udp`, '3000');
      const { app, run } = started;
      // A datagram for a port that the app has not bound is lost, but the host port is held.
      const lost = openClient('127.0.0.1');
      await run.printed(/^bind /m);
      const engine = await engineOf(run);

      await app.configure(server(bind, `${port}:53/udp`, '3000'));
      await udpPort(run, new RegExp(`:(${port})/udp → \\S+:53/udp`));
      for (const host of LOCALHOST) expect(await ask('moved in', host, port)).toBe('moved in');

      await app.configure(server(bind, `${port}:54/udp`, `${other}:53/udp`, '3000'));
      await run.printed(new RegExp(`:${other}/udp → `));
      for (const host of LOCALHOST) expect(await ask('elsewhere', host, other)).toBe('elsewhere');
      let answers = 0;
      lost.on('message', () => (answers += 1));
      for (let count = 0; count < 20; count += 1) {
        lost.send('lost', port, '127.0.0.1');
        await ask('found', '127.0.0.1', other);
      }
      expect(answers).toBe(0);
      expect([await engineOf(run), reloads(run)]).toEqual([engine, 0]);
      await stop(run);
    },
  );

  test('is not touched by a mistake, which is told with its line and column', async () => {
    const [port = 0, other = 0] = await freeUdpPorts(2);
    await using started = await start('0.0.0.0', `${port}:53/udp`);
    const { app, run } = started;
    await run.printed(/53\/udp {2}/);
    const engine = await engineOf(run);
    const mistakes = [
      { forwards: `["${other}:53/udp", "70000:53/udp"]`, at: `4:${13 + `"${other}:53/udp", `.length}` },
      { forwards: `["${other}:53/udq"]`, at: '4:13' },
      { forwards: `["${other}:53/udp"`, at: '5:1' },
    ];
    for (const { forwards, at } of mistakes) {
      await app.configure(server('0.0.0.0').replace('forwards = []', `forwards = ${forwards}`));
      await run.printed(
        new RegExp(`^reload failed  \\.wasmrun\\.toml  .*\\.wasmrun\\.toml:${at}: .*\\(v1 goes on\\)$`, 'm'),
      );
      expect(await ask('as before', '127.0.0.1', port)).toBe('as before');
      await expectNobody('127.0.0.1', other);
    }
    expect(await engineOf(run)).toBe(engine);
    await stop(run);
  });
});

describe.each(['nftables', 'iptables', 'handoff'])('a forward of TCP by %s', (transport) => {
  test('is added to an app that listens on its own loopback only', async () => {
    const config = (...forwards: readonly string[]): string =>
      `[app]\nargs = ["3000", "127.0.0.1"]\n[network]\nforwards = ${JSON.stringify(forwards)}\n`;
    await using app = await createApp('hello-wasmedge', config('3001'));
    await using run = watch(app, ['--transport', transport], { prefix });
    await run.printed(/listening on/);
    const engine = await engineOf(run);
    await app.configure(config('3001', '3000'));
    const { port } = new URL(await run.url());
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await get(`http://${host}:${port}/`)).toContain('Hello');
    }
    expect(await engineOf(run)).toBe(engine);
    // The next version has all that one had.
    await app.save('hello-wasix');
    expect(await eventually(() => reloads(run) === 1)).toBe(true);
    await engineOf(run);
    for (const host of ['127.0.0.1', '[::1]']) {
      expect(await get(`http://${host}:${port}/`)).toContain('Hello');
    }
    await stop(run);
  });

  test('to a new port of a module that cannot listen itself brings a new version that does', async () => {
    const first = await freePort();
    await using app = await createApp('hello-preview1', `[network]\nforwards = ["${first}:3000"]\n`);
    await using run = watch(app, ['--transport', transport], { prefix });
    const url = await run.url();
    await app.configure(`[network]\nforwards = ["${first}:3001"]\n`);
    await run.printed(/:3001 {2}/);
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });

  test('whose new address is taken stays where it was', async () => {
    const owner = createServer().listen(0, '::1');
    await once(owner, 'listening');
    const { port } = owner.address() as AddressInfo;
    await using _ = owner;
    const config = (address: string): string => `[network]\nforwards = ["${address}:${port}:3000"]\n`;
    await using app = await createApp('hello-wasmedge', config('127.0.0.1'));
    await using run = watch(app, ['--transport', transport], { prefix });
    const url = await run.url();
    const engine = await engineOf(run);
    await app.configure(config('[::1]'));
    await run.printed(
      /^reload failed {2}\.wasmrun\.toml {2}host port \d+ is already in use by .* \(v1 goes on\)$/m,
    );
    expect(await get(url)).toContain('Hello');
    expect(await engineOf(run)).toBe(engine);
    await stop(run);
  });
});
