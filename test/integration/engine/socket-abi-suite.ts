/**
 * What every ABI with sockets of its own has to do, with real guests in the real engine. The guests open
 * their sockets on the loopback of this machine, on ports the kernel gives.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { buildNative } from '../../../scripts/build-guests.ts';
import { startEngine } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineRun } from '../../helpers/engine.ts';

/** Simultaneous connections one single-threaded guest must serve. */
const MANY = 1000;
const HELLO = 'Hello from inside the sandbox\n';

const lines = (text: string): string[] => text.trimEnd().split('\n');

/** The hello server of this ABI, listening. */
const startHello = async (abi: string): Promise<EngineRun & { port: number }> => {
  const port = await freePort();
  const run = startEngine({ guest: `hello-${abi}`, args: ['hello', String(port), '127.0.0.1'] });
  const listening = await run.message('listening');
  expect(listening.port).toBe(port);
  return Object.assign(run, { port });
};

/** Sends `request` and collects `length` bytes of answer. */
const exchange = async (socket: Socket, request: string, length: number): Promise<string> => {
  socket.write(request);
  let answer = '';
  while (answer.length < length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    answer += chunk.toString('latin1');
  }
  return answer;
};

const openConnection = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
};

const nativeSocketLines = async (): Promise<string[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'wasmrun-sockets-'));
  try {
    const program = join(folder, 'sockets');
    buildNative('test/guests/sockets.c', program);
    // Node's pipes are sockets, and the program checks that descriptor 2 is none.
    return lines(execFileSync(program, ['6'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Runs the UDP client guest against a port and returns what it printed. */
const askByUdp = async (abi: string, port: number, text: string): Promise<string> => {
  await using client = startEngine({
    guest: `udp-${abi}`,
    args: ['udp', 'client', '127.0.0.1', String(port), text],
  });
  await client.ended;
  return client.stdout();
};

export const testSocketAbi = (abi: 'wasmedge' | 'wasix'): void => {
  describe(`${abi} sockets`, () => {
    test('every call gives what the same program gets natively', async () => {
      const native = await nativeSocketLines();
      await using run = startEngine({ guest: `sockets-${abi}`, args: ['sockets', '6'] });
      expect((await run.ended).status).toBe(0);
      expect(lines(run.stdout())).toEqual(native);
    });

    test('the engine names the ABI', async () => {
      await using run = startEngine({ guest: `sockets-${abi}` });
      expect((await run.message('prepared')).abi).toBe(abi);
    });
  });

  describe(`${abi} server`, () => {
    test('answers pipelined and split requests', async () => {
      await using run = await startHello(abi);
      const socket = await openConnection(run.port);
      const one = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
      const answer = await exchange(socket, one, 1);
      expect(answer.endsWith(HELLO)).toBe(true);
      expect(await exchange(socket, one.repeat(3), 3 * answer.length)).toBe(answer.repeat(3));
      socket.write('GET / HT');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await exchange(socket, 'TP/1.1\r\n\r\n', answer.length)).toBe(answer);
      socket.destroy();
    });

    test('sends a large answer to a client that reads late', async () => {
      await using run = await startHello(abi);
      const socket = await openConnection(run.port);
      socket.pause();
      socket.write('GET /bytes/8000000 HTTP/1.1\r\nConnection: close\r\n\r\n');
      await new Promise((resolve) => setTimeout(resolve, 100));
      // Meanwhile others are served.
      expect(await (await fetch(`http://127.0.0.1:${run.port}/`)).text()).toBe(HELLO);
      let received = 0;
      for await (const chunk of socket) received += (chunk as Buffer).length;
      expect(received).toBeGreaterThan(8_000_000);
    });

    test(`serves ${MANY} connections at a time`, async () => {
      await using run = await startHello(abi);
      const sockets = await Promise.all(Array.from({ length: MANY }, () => openConnection(run.port)));
      const answers = await Promise.all(
        sockets.map((socket) => exchange(socket, 'GET / HTTP/1.1\r\n\r\n', HELLO.length)),
      );
      expect(answers.filter((answer) => answer.endsWith(HELLO))).toHaveLength(MANY);
      const stat = await exchange(sockets[0]!, 'GET /stat HTTP/1.1\r\n\r\n', 1);
      expect(stat).toContain(`connections=${MANY} `);
      for (const socket of sockets) socket.destroy();
    });
  });

  describe(`${abi} client`, () => {
    test.for(['127.0.0.1', 'localhost'])('fetches from %s', async (host) => {
      await using server = createHttpServer((request, response) => {
        response.end(`you asked for ${request.url}`);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await using run = startEngine({
        guest: `client-${abi}`,
        args: ['client', host, String(port), '/there'],
      });
      expect((await run.ended).status).toBe(0);
      expect(run.stdout()).toContain('resolve ok\n');
      expect(run.stdout()).toContain(`address 127.0.0.1 port ${port}\n`);
      expect(run.stdout()).toContain(`peer 127.0.0.1 port ${port}\n`);
      expect(run.stdout()).toContain('you asked for /there');
    });

    test('is told that nobody listens', async () => {
      const port = await freePort();
      await using run = startEngine({ guest: `client-${abi}`, args: ['client', '127.0.0.1', String(port)] });
      expect((await run.ended).status).toBe(1);
      expect(run.stdout()).toContain('connect ECONNREFUSED\n');
    });

    test('cannot connect where it has no network of its own', async () => {
      await using server = createHttpServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await using run = startEngine({
        guest: `client-${abi}`,
        args: ['client', '127.0.0.1', String(port)],
        virtualPorts: true,
      });
      expect((await run.ended).status).toBe(1);
      expect(run.stdout()).toContain('connect EACCES\n');
    });
  });

  describe(`${abi} UDP`, () => {
    test('a guest serves', async () => {
      const port = await freePort();
      await using run = startEngine({ guest: `udp-${abi}`, args: ['udp', 'server', String(port)] });
      await run.printed('bind ok');
      await using client = createSocket('udp4');
      for (const text of ['one', '', 'x'.repeat(60_000)]) {
        client.send(text, port, '127.0.0.1');
        const [answer] = (await once(client, 'message')) as [Buffer, RemoteInfo];
        expect(answer.toString()).toBe(text);
      }
      expect(await askByUdp(abi, port, 'from a guest')).toContain('answer from a guest from 127.0.0.1');
    });

    test('a guest asks and learns who answered', async () => {
      await using server = createSocket('udp4');
      server.on('message', (message, sender) => server.send(`<${message.toString()}>`, sender.port));
      server.bind(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address();
      expect(await askByUdp(abi, port, 'hi')).toBe(
        `open ok\nsend_to ok\nrecv_from ok\nanswer <hi> from 127.0.0.1 port ${port}\n`,
      );
    });
  });
};
