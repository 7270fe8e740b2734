/** Node's own http library, server and client, on our parser in place of its own. */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type RequestOptions,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { StreamConsumer } from '../guest/http-parser-host.ts';
import { connectionsKey, type HttpParser, ourBinding, parsers } from '../test/observed-http-parser.ts';

/** Node's pool of parsers (lib/internal/freelist.js). */
interface ParserPool {
  ctor: () => HttpParser;
  readonly list: HttpParser[];
  alloc(): HttpParser;
}

/** Real sockets on a busy machine. */
vi.setConfig({ testTimeout: 60_000 });

const require = createRequire(import.meta.url);
const { parsers: pool } = require('_http_common') as { parsers: ParserPool };
const ours = ourBinding();

/** Consumes Node's sockets as it does a guest's streams: what they read is parsed before anything else. */
class ParserOnSockets extends (ours.HTTPParser as new () => HttpParser) {
  /** Set by Node's library. */
  declare socket: Socket;

  override consume(): void {
    const consumer = this as unknown as StreamConsumer;
    const { socket } = this;
    socket.push = (chunk: Buffer | null) => {
      if (chunk === null) return Reflect.apply(Socket.prototype.push, socket, [null]);
      consumer.onStreamRead(parsers.read(consumer.parserId(), chunk));
      return true;
    };
  }

  override unconsume(): void {
    this.socket.push = Socket.prototype.push;
  }
}

const nativeParser = pool.ctor;

beforeAll(() => {
  const model = nativeParser();
  pool.list.length = 0;
  pool.ctor = () => Object.assign(new ParserOnSockets(), model);
});

afterAll(() => {
  pool.list.length = 0;
  pool.ctor = nativeParser;
});

type Handler = Parameters<typeof createServer>[1];

async function serve(handler: Handler, options: ServerOptions = {}) {
  const server = createServer(options, handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Object.assign(server, { [connectionsKey(server)]: new ours.ConnectionsList() });
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

const ask = async (options: RequestOptions, body = ''): Promise<[IncomingMessage, string]> => {
  const message = request({ host: '127.0.0.1', agent: false, ...options });
  message.end(body);
  const [response] = (await once(message, 'response')) as [IncomingMessage];
  return [response, await text(response)];
};

/** Sends bytes and returns all that comes until the server ends the connection. */
const send = async (port: number, ...chunks: string[]): Promise<string> => {
  const socket = connect(port, '127.0.0.1');
  for (const chunk of chunks) socket.write(chunk, 'latin1');
  return (await buffer(socket)).toString('latin1');
};

const sendBack = async (message: IncomingMessage, response: ServerResponse) => {
  const body = await buffer(message);
  response.setHeader('X-Line', `${message.method} ${message.url} ${message.httpVersion}`);
  response.end(Buffer.concat([body, Buffer.from(JSON.stringify(message.trailers))]));
};
const echo: Handler = (message, response) => {
  // A request that is refused half-way is aborted.
  sendBack(message, response).catch(() => response.destroy());
};

test('keeps connections alive', async () => {
  await using server = await serve(echo);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let connections = 0;
  server.on('connection', () => connections++);
  for (let number = 0; number < 30; number++) {
    const [response, body] = await ask(
      { port: server.port, agent, method: 'PUT', path: `/${number}` },
      'é'.repeat(number),
    );
    expect(body).toBe(`${'é'.repeat(number)}{}`);
    expect(response.headers['x-line']).toBe(`PUT /${number} 1.1`);
  }
  expect(connections).toBe(1);
  agent.destroy();
});

test('brings bodies larger than any read, chunks and trailers', async () => {
  await using server = await serve(echo);
  const message = request({
    host: '127.0.0.1',
    port: server.port,
    method: 'POST',
    headers: { Trailer: 'X-T' },
  });
  for (let number = 0; number < 50; number++) message.write('0123456789'.repeat(number * 100));
  message.addTrailers({ 'X-T': 'end' });
  message.end();
  const [response] = (await once(message, 'response')) as [IncomingMessage];
  const body = await text(response);
  expect(body).toHaveLength((49 * 50 * 1000) / 2 + '{"x-t":"end"}'.length);
  expect(body.endsWith('{"x-t":"end"}')).toBe(true);
});

test('knows responses without a body', async () => {
  await using server = await serve((message, response) => {
    response.writeHead(message.url === '/same' ? 304 : 200, { 'Content-Length': 5 });
    response.end(message.method === 'GET' && message.url === '/' ? '12345' : '');
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const all = [{ method: 'HEAD' }, { path: '/same' }, { method: 'HEAD', path: '/same' }, {}];
  const answers: unknown[] = [];
  for (const options of all) {
    const [response, body] = await ask({ port: server.port, agent, ...options });
    answers.push([response.statusCode, body]);
  }
  expect(answers).toEqual([
    [200, ''],
    [304, ''],
    [304, ''],
    [200, '12345'],
  ]);
  agent.destroy();
});

test('goes on after 100 and 103', async () => {
  await using server = await serve((_, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' });
    response.end('done');
  });
  const message = request({
    host: '127.0.0.1',
    agent: false,
    port: server.port,
    method: 'POST',
    headers: { Expect: '100-continue' },
  });
  const codes: number[] = [];
  message.on('information', ({ statusCode }) => codes.push(statusCode));
  message.on('continue', () => message.end('body'));
  message.flushHeaders();
  const [response] = (await once(message, 'response')) as [IncomingMessage];
  expect(await text(response)).toBe('done');
  expect(codes).toEqual([100, 103]);
});

test.each(['upgrade', 'connect'])(
  'hands over the socket on %s, with what followed the head',
  async (event) => {
    await using server = await serve(echo);
    server.on(event, (_: IncomingMessage, socket: Socket, head: Buffer) => {
      const status =
        event === 'upgrade' ? '101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x' : '200 OK';
      socket.write(`HTTP/1.1 ${status}\r\n\r\nhello`);
      socket.on('data', (more: Buffer) => socket.end(`${head.toString()}${more.toString()}`));
    });
    const isUpgrade = event === 'upgrade';
    const message = request({
      host: '127.0.0.1',
      port: server.port,
      ...(isUpgrade
        ? { headers: { Connection: 'upgrade', Upgrade: 'x' } }
        : { method: 'CONNECT', path: 'h:1' }),
    });
    message.end();
    const [response, socket, head] = (await once(message, event)) as [IncomingMessage, Socket, Buffer];
    expect(response.statusCode).toBe(isUpgrade ? 101 : 200);
    socket.write('from the client');
    expect(head.toString() + (await text(socket))).toBe('hellofrom the client');
  },
);

test('answers pipelined requests in order', async () => {
  await using server = await serve((message, response) => response.end(message.url));
  const requests = Array.from({ length: 20 }, (_, number) => `GET /${number} HTTP/1.1\r\nHost: h\r\n\r\n`);
  const answer = await send(
    server.port,
    requests.join(''),
    'GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  );
  const urls = Array.from({ length: 20 }, (_, number) => `/${number}`);
  expect([...answer.matchAll(/\r\n\r\n(\/\d+|\/end)/g)].map(([, url]) => url)).toEqual([...urls, '/end']);
});

test.each([
  ['what is no HTTP', 'nonsense\r\n\r\n', 400],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    400,
  ],
  ['a head that is too long', `GET / HTTP/1.1\r\nHost: h\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  [
    'chunk extensions that are too long',
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`,
    413,
  ],
  ['a head that never ends', 'GET / HTTP/1.1\r\n', 408],
])('refuses %s', async (_, bytes, status) => {
  await using server = await serve(echo, { headersTimeout: 50, connectionsCheckingInterval: 20 });
  expect(await send(server.port, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test('tells of an error with the bytes that caused it', async () => {
  await using server = await serve(echo);
  const failed = once(server, 'clientError') as Promise<[Error & { rawPacket: Buffer }, Socket]>;
  const answer = send(server.port, 'nonsense\r\n\r\n');
  const [error, socket] = await failed;
  socket.end();
  await answer;
  expect(error).toMatchObject({
    code: 'HPE_INVALID_METHOD',
    message: expect.stringMatching(/^Parse Error: Invalid/),
  });
  expect(error.rawPacket.toString()).toBe('nonsense\r\n\r\n');
});

test('closes idle connections and lets others finish', async () => {
  let finish = () => {};
  const server: Server & { port: number } = await serve((message, response) => {
    if (message.url === '/slow') finish = () => response.end('slow');
    else response.end('fast');
  });
  const agent = new Agent({ keepAlive: true });
  await ask({ port: server.port, agent });
  const slow = ask({ port: server.port, path: '/slow' });
  await once(server, 'request');
  const closed = once(server, 'close');
  server.close();
  finish();
  expect((await slow)[1]).toBe('slow');
  await closed;
  agent.destroy();
});
