/** Connections that have left HTTP behind, as web sockets do, when a new version of the app takes over. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRunning, newPrefix, runCli } from '../../helpers/cli.ts';
import { createApp, engineOf, enginesOf, get, reloaded, stop, watch } from '../../helpers/live-app.ts';

const UPGRADE = 'GET /ticks HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: stream\r\n\r\n';
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: stream\r\n\r\n';
/** What a proxy or a remote shell may well carry: it is no response of this server's. */
const INNER_RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** Longer than it takes an idle connection of HTTP to be found idle and closed, twice. */
const SILENCE_MS = 1000;

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
// Only what a failed test has left behind.
afterEach(() => runCli(['gc'], { prefix }));

interface Conversation extends AsyncDisposable {
  send(text: string): void;
  /** Resolves when what came matches; rejects when the connection ends without it. */
  heard(pattern: RegExp): Promise<void>;
  /** Ends this side. */
  end(): void;
  /** All that came, and how it ended: a failure's code, or nothing. */
  readonly over: Promise<{ readonly text: string; readonly hasEnded: boolean; readonly failure?: string }>;
}

const converse = async (url: string): Promise<Conversation> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const over = Promise.withResolvers<Awaited<Conversation['over']>>();
  let text = '';
  let hasEnded = false;
  let failure: string | undefined;
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  // read(2) has returned 0: the peer has sent a FIN.
  socket.on('end', () => (hasEnded = true));
  socket.on('error', (error: NodeJS.ErrnoException) => (failure = error.code ?? error.message));
  socket.on('close', () => over.resolve({ text, hasEnded, ...(failure !== undefined && { failure }) }));
  await once(socket, 'connect');
  return {
    over: over.promise,
    send: (line) => void socket.write(line),
    async heard(pattern) {
      while (!pattern.test(text)) {
        if (socket.destroyed || hasEnded) throw new Error(`it ended without ${pattern}: ${text}`);
        await sleep(5);
      }
    },
    end: () => void socket.end(),
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await over.promise;
    },
  };
};

const config = (mode: string, graceMs: number): string =>
  `[network]\nforwards = ["3000"]\n[watch]\nreload = "${mode}"\ngrace_ms = ${graceMs}\n`;

describe.each(['nftables', 'handoff'])('with %s', (transport) => {
  test('one that streams both ways goes on for the grace, and ends with a FIN', async () => {
    await using app = await createApp('stream-wasmedge', config('overlap', 2000));
    await using run = watch(app, ['--transport', transport], { prefix });
    const url = await run.url();
    const first = await engineOf(run);
    await using stream = await converse(url);
    stream.send(UPGRADE);
    await stream.heard(/tick 2\n/);
    await reloaded(run, () => app.save('hello-wasix'));
    expect(await get(url)).toContain('Hello');
    stream.send('after the reload\n');
    await stream.heard(/after the reload\n(.*\n)*tick/);
    const { text, hasEnded, failure } = await stream.over;
    expect([hasEnded, failure]).toEqual([true, undefined]);
    const lines = text.slice(SWITCHING.length).trimEnd().split('\n');
    const ticks = lines.filter((line) => line !== 'after the reload');
    expect(ticks).toEqual(ticks.map((_, index) => `tick ${index}`));
    expect(isRunning(await engineOf(run))).toBe(true);
    expect(isRunning(first)).toBe(false);
    await stop(run);
  });

  test('one that waits for the app to stop goes on for the grace, and ends with a FIN (restart)', async () => {
    await using app = await createApp('stream-wasmedge', config('restart', 1000));
    await using run = watch(app, ['--transport', transport], { prefix });
    const url = await run.url();
    await using stream = await converse(url);
    stream.send(UPGRADE);
    await stream.heard(/tick 2\n/);
    await reloaded(run, () => app.save('hello-wasix'));
    const { hasEnded, failure } = await stream.over;
    expect([hasEnded, failure]).toEqual([true, undefined]);
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });

  test('what it carries is not changed, and its silence is no end', async () => {
    await using app = await createApp(
      'echo-wasmedge',
      `[app]\nargs = ["3000"]\n${config('overlap', 10_000)}`,
    );
    await using run = watch(app, ['--transport', transport], { prefix });
    const url = await run.url();
    await using tunnel = await converse(url);
    tunnel.send(SWITCHING);
    await tunnel.heard(/\r\n\r\n$/);
    await reloaded(run, () => app.save('hello-wasix'));
    tunnel.send(INNER_RESPONSE);
    await tunnel.heard(/ok$/);
    await sleep(SILENCE_MS);
    tunnel.send('still there');
    await tunnel.heard(/still there$/);
    expect(enginesOf(run.process.pid!)).toHaveLength(2);
    tunnel.end();
    expect(await tunnel.over).toEqual({ text: `${SWITCHING}${INNER_RESPONSE}still there`, hasEnded: true });
    await engineOf(run);
    await stop(run);
  });
});
