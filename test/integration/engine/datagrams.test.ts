/** UDP sockets of guests whose port is forwarded: what the supervisor relays beside what the kernel brings. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { encodeFrame, RELAYED_ADDRESS } from '../../../src/os/datagram-frame.ts';
import { startWithChannel } from '../../helpers/datagram-supervisor.ts';
import type { Answer } from '../../helpers/datagram-supervisor.ts';
import { freePort } from '../../helpers/free-port.ts';

const startServer = async (how: string, ip = '127.0.0.1', abi = 'wasmedge') => {
  const port = await freePort();
  const started = await startWithChannel({ port, guest: `udp-${abi}`, args: ['udp', how, String(port), ip] });
  await started.run.message('listening');
  return { ...started, port };
};

/** Asks the guest's own socket, as a process inside the sandbox would. */
const askDirectly = async (port: number, text: string, host = '127.0.0.1'): Promise<string> => {
  await using client = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  client.send(text, port, host);
  const [answer] = (await once(client, 'message')) as [Buffer, RemoteInfo];
  return answer.toString();
};

describe.each(['wasmedge', 'wasix'])('a server of the ABI %s', (abi) => {
  test.each(['server', 'poller', 'peeker'])('a %s hears the kernel and the supervisor', async (how) => {
    const { run, supervisor, port } = await startServer(how, '127.0.0.1', abi);
    await using _ = run;
    for (let round = 0; round < 5; round += 1) {
      expect(await askDirectly(port, `direct ${round}`)).toBe(`direct ${round}`);
      expect(await supervisor.ask(1000 + round, `relayed ${round}`)).toEqual({
        port: 1000 + round,
        payload: `relayed ${round}`,
      });
    }
    // Both at once.
    supervisor.send(7, 'together');
    expect(await askDirectly(port, 'together')).toBe('together');
    expect(await supervisor.next()).toEqual({ port: 7, payload: 'together' });
    expect(run.messages.filter(({ type }) => type === 'listening')).toEqual([
      { type: 'listening', protocol: 'udp', port, sockets: 0 },
    ]);
  });

  test('sees relayed clients at the dummy address', async () => {
    const { run, supervisor } = await startServer('server', '0.0.0.0', abi);
    await using _ = run;
    expect((await supervisor.ask(4711, 'who?')).payload).toBe('192.0.0.8 port 4711');
  });

  test.each(['::', '::1'])('sees them in IPv6 form where its socket is one of IPv6: %s', async (ip) => {
    const { run, supervisor, port } = await startServer('poller', ip, abi);
    await using _ = run;
    expect(await supervisor.ask(4711, 'who?')).toEqual({ port: 4711, payload: '::ffff:192.0.0.8 port 4711' });
    expect(await askDirectly(port, 'hello', '::1')).toBe('hello');
  });

  test('that connects to a client of the relay hears that one only', async () => {
    const { run, supervisor, port } = await startServer('connected', '127.0.0.1', abi);
    await using _ = run;
    expect(await supervisor.ask(5, 'first')).toEqual({ port: 5, payload: 'first' });
    supervisor.send(6, 'from another');
    createSocket('udp4')
      .on('message', () => expect.unreachable())
      .unref()
      .send('from the kernel', port, '127.0.0.1');
    expect(await supervisor.ask(5, 'who?')).toEqual({ port: 5, payload: '192.0.0.8 port 5' });
    await run.printed('sent 16');
    expect(run.stdout()).toBe('bind ok\nconnect ok\npeer ok\nsent 5\nsent 16\n');
  });

  test('that connects to a client of the kernel hears nothing of the relay', async () => {
    const { run, supervisor, port } = await startServer('connected', '127.0.0.1', abi);
    await using _ = run;
    await using client = createSocket('udp4');
    const ask = async (text: string): Promise<string> => {
      client.send(text, port, '127.0.0.1');
      return String(((await once(client, 'message')) as [Buffer])[0]);
    };
    expect(await ask('first')).toBe('first');
    supervisor.send(6, 'from the relay');
    expect(await ask('second')).toBe('second');
    expect(await ask('who?')).toMatch(/^127\.0\.0\.1 port \d+$/);
  });
});

describe('relayed datagrams', () => {
  test('from the empty to the longest come and go', async () => {
    const { run, supervisor } = await startServer('server');
    await using _ = run;
    for (const length of [0, 1, 1500, 65_507, 65_527, 3]) {
      const payload = String.fromCharCode(length % 256).repeat(length);
      expect(await supervisor.ask(9, payload)).toEqual({ port: 9, payload });
    }
  });

  test('that come before the guest has bound its socket wait for it', async () => {
    const port = await freePort();
    const args = ['udp', 'server', String(port)];
    const { run, supervisor } = await startWithChannel({ port, guest: 'udp-wasmedge', args });
    await using _ = run;
    for (const index of [1, 2, 3]) supervisor.send(index, `early ${index}`);
    expect(run.messages).toEqual([]);
    for (const index of [1, 2, 3]) {
      expect(await supervisor.next()).toEqual({ port: index, payload: `early ${index}` });
    }
  });

  test('may come in any pieces', async () => {
    const { run, supervisor, stream } = await startServer('poller');
    await using _ = run;
    const bytes = Buffer.concat(
      ['one', '', 'three'].map((text, index) => encodeFrame(RELAYED_ADDRESS, index, Buffer.from(text))),
    );
    for (const byte of bytes) {
      await new Promise((resolve) => stream.write(Buffer.of(byte), resolve));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect([await supervisor.next(), await supervisor.next(), await supervisor.next()]).toEqual([
      { port: 0, payload: 'one' },
      { port: 1, payload: '' },
      { port: 2, payload: 'three' },
    ]);
  });

  test('of many clients are answered each to its own', async () => {
    const { run, supervisor } = await startServer('server');
    await using _ = run;
    const clients = Array.from({ length: 1000 }, (_, index) => ({ port: index + 1, payload: `${index}` }));
    for (const { port, payload } of clients) supervisor.send(port, payload);
    const answers: Answer[] = [];
    while (answers.length < clients.length) answers.push(await supervisor.next());
    expect(answers).toEqual(clients);
  });

  test('wait for a supervisor that reads late, where the socket blocks', async () => {
    const { run, supervisor, stream } = await startServer('server');
    await using _ = run;
    stream.pause();
    const payload = 'x'.repeat(60_000);
    for (let index = 0; index < 20; index += 1) supervisor.send(index, payload);
    await new Promise((resolve) => setTimeout(resolve, 300));
    stream.resume();
    for (let index = 0; index < 20; index += 1) {
      expect(await supervisor.next()).toEqual({ port: index, payload });
    }
  });

  test('are lost one by one, where the socket does not block', async () => {
    const { run, supervisor, stream, port } = await startServer('poller');
    await using _ = run;
    stream.pause();
    const payload = 'x'.repeat(1000);
    for (let index = 0; index < 2000; index += 1) supervisor.send(1, `${index} ${payload}`);
    // All of them have been taken, and the guest goes on, when the kernel's clients are answered and no frame waits.
    while (stream.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await askDirectly(port, 'still there')).toBe('still there');
    stream.resume();
    const received: Answer[] = [];
    // Until one comes back, they may be lost as well.
    const last = setInterval(() => supervisor.send(2, 'last'), 5);
    for (;;) {
      const answer = await supervisor.next();
      if (answer.port === 2) break;
      received.push(answer);
    }
    clearInterval(last);
    for (const answer of received) expect(answer.payload).toMatch(/^\d+ x{1000}$/);
    expect(received.length).toBeGreaterThan(10);
    expect(received.length).toBeLessThan(2000);
  });

  test('come and go where the kernel refuses to send', async () => {
    const port = await freePort();
    const args = ['udp', 'server', String(port)];
    const { run, supervisor } = await startWithChannel({
      port,
      guest: 'udp-wasmedge',
      args,
      virtualPorts: true,
    });
    await using _ = run;
    expect(await supervisor.ask(5, 'hello')).toEqual({ port: 5, payload: 'hello' });
  });

  test('hear a stop, and the end of the supervisor, while the guest waits for them', async () => {
    const stopped = await startServer('server');
    stopped.run.control.write('{"type":"stop"}\n');
    expect((await stopped.run.ended).end).toMatchObject({ type: 'exited', reason: 'stopped' });
    const orphaned = await startServer('poller');
    for (const stream of [orphaned.run.control, ...orphaned.run.streams]) stream.destroy();
    expect((await orphaned.run.ended).status).not.toBe(0);
  });
});
