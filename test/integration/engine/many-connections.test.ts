/** One single-threaded guest, a thousand connections, and clients that do not behave. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../helpers/cli.ts';
import { startEngine } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineRun } from '../../helpers/engine.ts';

const MANY = 1000;
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const GREETING = 'Hello from inside the sandbox\n';

/** A hello server that listens on a port of the loopback (preview1: of every address). */
const startHello = async (abi: string): Promise<EngineRun & { readonly port: number }> => {
  const port = await freePort();
  const args = ['hello', String(port), '127.0.0.1'];
  const run = startEngine({ guest: `hello-${abi}`, args, ports: [port] });
  await run.message('listening');
  return Object.assign(run, { port });
};

/** A client that keeps what it receives. */
class Client {
  readonly socket: Socket;
  received = '';
  #changed = Promise.withResolvers<void>();

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
      this.#tell();
    });
    this.socket.on('close', () => this.#tell());
    this.socket.on('error', () => {});
  }

  static async open(port: number): Promise<Client> {
    const client = new Client(port);
    await once(client.socket, 'connect');
    return client;
  }

  /** Waits until so many greetings have come in all; fails when the connection ends before. */
  async greetings(count: number): Promise<void> {
    while (this.received.split(GREETING).length - 1 < count) {
      if (this.socket.closed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      await this.#changed.promise;
    }
  }

  /** Length of everything that comes until the server ends the connection. */
  async rest(): Promise<number> {
    this.socket.resume();
    if (!this.socket.readableEnded) await once(this.socket, 'end');
    return this.received.length;
  }

  #tell(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }
}

const openMany = (port: number, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => Client.open(port)));

const statistics = async (port: number): Promise<Record<string, number>> => {
  const text = await (
    await fetch(`http://127.0.0.1:${port}/stat`, { headers: { connection: 'close' } })
  ).text();
  return Object.fromEntries(
    Array.from(text.matchAll(/(\w+)=(\d+)/g), ([, name, value]) => [name, Number(value)]),
  );
};

const descriptorsOf = (run: EngineRun): number => readdirSync(`/proc/${run.process.pid}/fd`).length;

describe.each(['preview1', 'wasmedge'])('hello-%s', (abi) => {
  let run: Awaited<ReturnType<typeof startHello>>;
  beforeEach(async () => {
    run = await startHello(abi);
  });
  afterEach(async () => {
    // Whatever was done to it, it still serves and has leaked nothing.
    expect(
      await (await fetch(`http://127.0.0.1:${run.port}/`, { headers: { connection: 'close' } })).text(),
    ).toBe(GREETING);
    await run[Symbol.asyncDispose]();
  });

  test(`answers ${MANY} simultaneous connections in several rounds, and forgets those that leave`, async () => {
    const before = descriptorsOf(run);
    const clients = await openMany(run.port, MANY);
    for (let round = 1; round <= 4; round += 1) {
      // The order differs from round to round.
      for (const client of round % 2 === 0 ? clients : clients.toReversed()) client.socket.write(GET);
      await Promise.all(clients.map((client) => client.greetings(round)));
    }
    expect(await statistics(run.port)).toMatchObject({ connections: MANY + 1, requests: 4 * MANY + 1 });
    for (const client of clients.splice(0, MANY / 2)) client.socket.destroy();
    expect(await eventually(() => descriptorsOf(run) <= before + MANY / 2)).toBe(true);
    clients.push(...(await openMany(run.port, MANY / 2)));
    for (const client of clients) client.socket.write(GET.repeat(2));
    await Promise.all(clients.map((client, index) => client.greetings(index < MANY / 2 ? 6 : 2)));
    for (const client of clients) client.socket.destroy();
    expect(await eventually(() => descriptorsOf(run) === before)).toBe(true);
  });

  test('serves others while slow readers are stuck in the middle of large answers', async () => {
    const size = 4_000_000;
    const readers = await openMany(run.port, 20);
    for (const { socket } of readers) {
      socket.pause();
      socket.write(`GET /bytes/${size} HTTP/1.1\r\nConnection: close\r\n\r\n`);
    }
    const others = await openMany(run.port, 50);
    for (const other of others) other.socket.write(GET);
    await Promise.all(others.map((other) => other.greetings(1)));
    for (const other of others) other.socket.destroy();
    const lengths = await Promise.all(readers.map((reader) => reader.rest()));
    const [head] = readers[0]!.received.split('\r\n\r\n', 1);
    expect(new Set(lengths)).toEqual(new Set([head!.length + 4 + size]));
    for (const reader of readers) reader.socket.destroy();
  });

  test('answers clients that have closed their half', async () => {
    const clients = await openMany(run.port, 100);
    for (const [index, { socket }] of clients.entries())
      socket.end(index % 2 === 0 ? GET : 'GET /bytes/300000 HTTP/1.1\r\n\r\n');
    const lengths = await Promise.all(clients.map((client) => client.rest()));
    for (const [index, length] of lengths.entries()) {
      if (index % 2 === 0) expect(clients[index]!.received.endsWith(GREETING)).toBe(true);
      else expect(length).toBeGreaterThan(300_000);
    }
    for (const { socket } of clients) socket.destroy();
  });

  test('outlives connections that are reset: at once, in the middle of a request, in the middle of an answer', async () => {
    const before = descriptorsOf(run);
    for (const request of ['', 'GET / HT', 'GET /bytes/8000000 HTTP/1.1\r\n\r\n']) {
      const clients = await openMany(run.port, 200);
      for (const { socket } of clients) {
        socket.pause();
        socket.write(request);
      }
      await new Promise((resolve) => setTimeout(resolve, request === '' ? 0 : 30));
      for (const { socket } of clients) socket.resetAndDestroy();
    }
    expect(await eventually(() => descriptorsOf(run) === before)).toBe(true);
  });

  test('goes on when its descriptors run out, and serves those who waited', async () => {
    const room = 30;
    const limit = descriptorsOf(run) + room;
    execFileSync('prlimit', ['--pid', String(run.process.pid), `--nofile=${limit}:${limit}`]);
    const clients = await openMany(run.port, 3 * room);
    for (const client of clients) client.socket.write(GET);
    let served = 0;
    // Those who are served make room for others.
    await Promise.all(
      clients.map(async (client) => {
        await client.greetings(1);
        served += 1;
        if (served === room) await new Promise((resolve) => setTimeout(resolve, 50));
        client.socket.destroy();
      }),
    );
    expect(served).toBe(3 * room);
  });
});
