/** UDP sockets of guests whose port is forwarded: what the supervisor relays beside what the kernel brings. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { FIRST_INHERITED_FD } from '../../../src/engine/messages.ts';
import { encodeFrame, FrameReader, RELAYED_ADDRESS } from '../../../src/os/datagram-frame.ts';
import { callModule, words } from '../../helpers/call-guest.ts';
import type { HostCall } from '../../helpers/call-guest.ts';
import { freePort, startEngine } from '../../helpers/engine.ts';
import type { EngineOptions, EngineRun } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';

/** The first descriptor after the control channel. */
const CHANNEL_FD = FIRST_INHERITED_FD;

interface Answer {
  readonly port: number;
  readonly payload: string;
}

/** The supervisor's end of a stream of datagrams. */
class Supervisor {
  readonly #stream: Socket;
  readonly #answers: Answer[] = [];
  readonly #reader = new FrameReader(({ ip, port }, payload) => {
    expect(ip).toEqual(RELAYED_ADDRESS);
    this.#answers.push({ port, payload: payload.toString('latin1') });
    this.#stream.emit('answer');
  });

  constructor(stream: Socket) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => expect(this.#reader.push(chunk)).toBe(true));
  }

  send(port: number, payload: string): void {
    this.#stream.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from(payload, 'latin1')));
  }

  /** Answers that nobody has asked for yet. */
  get waiting(): readonly Answer[] {
    return this.#answers;
  }

  async next(): Promise<Answer> {
    while (this.#answers.length === 0) await once(this.#stream, 'answer');
    return this.#answers.shift()!;
  }

  async ask(port: number, payload: string): Promise<Answer> {
    this.send(port, payload);
    return await this.next();
  }
}

/** An engine whose guest's port is forwarded by one stream. */
const start = async (
  options: EngineOptions & { port: number },
): Promise<{ run: EngineRun; supervisor: Supervisor; stream: Socket }> => {
  const { port, ...engine } = options;
  const channels = [{ fd: CHANNEL_FD, processPort: port }];
  const run = startEngine({ channels, channelCount: 1, ...engine });
  const [stream] = run.streams;
  return { run, supervisor: new Supervisor(stream!), stream: stream! };
};

const startServer = async (how: string, ip = '127.0.0.1', abi = 'wasmedge') => {
  const port = await freePort();
  const started = await start({ port, guest: `udp-${abi}`, args: ['udp', how, String(port), ip] });
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
    const { run, supervisor } = await start({ port, guest: 'udp-wasmedge', args });
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
    const { run, supervisor } = await start({ port, guest: 'udp-wasmedge', args, go: { outbound: false } });
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

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const DATAGRAM = 1;
const ROFLAG_TRUNCATED = 1;
const LOOPBACK_AT = 64;
const RELAYED_AT = 96;
const IOVEC_AT = 80;
const SENDER_AT = 120;
const data = [
  { at: LOOPBACK_AT, bytes: words(LOOPBACK_AT + 8, 4) },
  { at: LOOPBACK_AT + 8, bytes: Buffer.from([127, 0, 0, 1]) },
  { at: IOVEC_AT, bytes: words(0x1000, 5) },
  { at: RELAYED_AT, bytes: words(RELAYED_AT + 8, 4) },
  { at: RELAYED_AT + 8, bytes: Buffer.from(RELAYED_ADDRESS) },
  { at: SENDER_AT, bytes: words(SENDER_AT + 8, 4) },
];
const SOCKET = { load: 160 };
const LENGTH_AT = 164;

const open = (port: number): HostCall[] => [
  ['sock_open', INET4, DATAGRAM, SOCKET.load],
  ['sock_bind', SOCKET, LOOPBACK_AT, port],
];
/** Keeps length and flags of what was received 4 bytes apart. */
const receive = (resultsAt = 180): HostCall => [
  'sock_recv_from',
  SOCKET,
  IOVEC_AT,
  1,
  SENDER_AT,
  0,
  172,
  resultsAt,
  resultsAt + 4,
];
const sendTo = (addressAt: number, port: number): HostCall => [
  'sock_send_to',
  SOCKET,
  IOVEC_AT,
  1,
  addressAt,
  port,
  0,
  LENGTH_AT,
];
const close: HostCall = ['fd_close', SOCKET];

const runCalls = async (
  port: number,
  calls: readonly HostCall[],
  meanwhile: (supervisor: Supervisor, run: EngineRun) => Promise<void>,
): Promise<number[]> => {
  using folder = new ModuleFolder();
  const { run, supervisor } = await start({ port, guest: folder.write(callModule(calls, { data })) });
  await using _ = run;
  await meanwhile(supervisor, run);
  await run.ended;
  return calls.map((_call, index) => run.output().readUInt32LE(0x4000 + 4 * index));
};

test('a forwarded port goes from a closed socket to the next one on it', async () => {
  const port = await freePort();
  const round = [...open(port), receive(), sendTo(RELAYED_AT, 21), close];
  const results = await runCalls(port, [...round, ...round, ...round], async (supervisor, run) => {
    for (const text of ['one..', 'two..', 'three']) {
      expect(await supervisor.ask(21, text)).toEqual({ port: 21, payload: text });
    }
    expect(run.messages.filter(({ type }) => type === 'listening')).toHaveLength(1);
  });
  expect(results).toEqual(results.map(() => WASI.SUCCESS));
});

test('a port belongs to one socket; another one has no way to the relay’s clients', async () => {
  const port = await freePort();
  const calls = [...open(port), ...open(0), sendTo(RELAYED_AT, 21)];
  const results = await runCalls(port, calls, async (supervisor, run) => {
    await run.ended;
    expect(run.messages.filter(({ type }) => type === 'listening')).toHaveLength(1);
    expect(supervisor.waiting).toEqual([]);
  });
  // What became of the datagram is the kernel's business: there may be a route or not.
  expect(results.slice(0, 4)).toEqual([0, 0, 0, 0]);
});

test('a datagram that is longer than the buffer is cut, and said to be', async () => {
  const port = await freePort();
  using folder = new ModuleFolder();
  const calls = [...open(port), receive(200), receive(220)];
  const { run, supervisor } = await start({ port, guest: folder.write(callModule(calls, { data })) });
  await using _ = run;
  supervisor.send(1, 'longer than five');
  supervisor.send(1, 'five!');
  await run.ended;
  const memory = run.output();
  expect(memory.toString('latin1', 0x1000, 0x1005)).toBe('five!');
  expect([memory.readUInt32LE(200), memory.readUInt16LE(204)]).toEqual([5, ROFLAG_TRUNCATED]);
  expect([memory.readUInt32LE(220), memory.readUInt16LE(224)]).toEqual([5, 0]);
});
