import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DatagramRelay } from '../../../src/network/datagram-relay.ts';
import { encodeFrame, FrameReader, RELAYED_ADDRESS } from '../../../src/os/datagram-frame.ts';

interface Received {
  readonly ip: Uint8Array;
  readonly port: number;
  readonly payload: string;
}

interface Lab {
  readonly relay: DatagramRelay;
  /** Ports of the host's sockets. */
  readonly ports: readonly number[];
  /** The engine's end of the stream. */
  readonly engine: Duplex;
  /** How often the relay has complained. */
  readonly complaints: () => number;
  /** The next datagram the engine gets. */
  next(): Promise<Received>;
}

const boundTo = async (address: string): Promise<Socket> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
  onTestFinished(() => void socket.close());
  await once(socket, 'listening');
  return socket;
};

const open = async (...addresses: string[]): Promise<Lab> => {
  const sockets = await Promise.all(addresses.map(boundTo));
  const [channel, engine] = duplexPair();
  let complaints = 0;
  const relay = new DatagramRelay({ channel, onNonsense: () => (complaints += 1) });
  relay.serve(sockets);
  onTestFinished(() => relay[Symbol.dispose]());
  const queue: Received[] = [];
  const reader = new FrameReader(({ ip, port }, payload) => {
    queue.push({ ip, port, payload: payload.toString() });
    engine.emit('frame');
  });
  engine.on('data', (chunk: Buffer) => reader.push(chunk));
  return {
    relay,
    ports: sockets.map((socket) => socket.address().port),
    engine,
    complaints: () => complaints,
    async next() {
      while (queue.length === 0) await once(engine, 'frame');
      return queue.shift()!;
    },
  };
};

const messageOf = async (socket: Socket): Promise<{ text: string; from: RemoteInfo }> => {
  const [bytes, from] = (await once(socket, 'message')) as [Buffer, RemoteInfo];
  return { text: bytes.toString(), from };
};

describe('a relay', () => {
  it('shows each client by the dummy address and a port, and brings it its own answers', async () => {
    const lab = await open('127.0.0.1', '::1');
    const [port4 = 0, port6 = 0] = lab.ports;
    const clients = [
      { socket: await boundTo('127.0.0.1'), host: '127.0.0.1', port: port4 },
      { socket: await boundTo('127.0.0.1'), host: '127.0.0.1', port: port4 },
      { socket: await boundTo('::1'), host: '::1', port: port6 },
    ];
    for (const [index, { socket, host, port }] of clients.entries()) {
      socket.send(`from ${index}`, port, host);
      const received = await lab.next();
      expect(received).toEqual({
        ip: RELAYED_ADDRESS,
        port: socket.address().port,
        payload: `from ${index}`,
      });
      lab.engine.write(encodeFrame(received.ip, received.port, Buffer.from(`to ${index}`)));
      const { text, from } = await messageOf(socket);
      expect([text, from.address, from.port]).toEqual([`to ${index}`, host, port]);
    }
  });

  it('sends to nobody who has not sent first, whatever the engine says', async () => {
    const lab = await open('127.0.0.1');
    const stranger = await boundTo('127.0.0.1');
    stranger.on('message', () => expect.unreachable());
    const client = await boundTo('127.0.0.1');
    client.send('hello', lab.ports[0], '127.0.0.1');
    const { port } = await lab.next();
    const loopback = Uint8Array.of(127, 0, 0, 1);
    const strangersPort = stranger.address().port;
    const sixteen = Uint8Array.of(...RELAYED_ADDRESS, ...Array.from({ length: 12 }, () => 0));
    for (const [ip, to] of [
      [loopback, strangersPort],
      [RELAYED_ADDRESS, strangersPort],
      [loopback, port],
      [sixteen, port],
      [RELAYED_ADDRESS, 0],
    ] as const) {
      lab.engine.write(encodeFrame(ip, to, Buffer.from('no')));
    }
    // Longer than UDP over IPv4 can be: lost, without harm.
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.alloc(65_520)));
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from('yes')));
    expect((await messageOf(client)).text).toBe('yes');
    expect(lab.complaints()).toBe(0);
  });

  it('carries the longest datagram and the empty one', async () => {
    const lab = await open('127.0.0.1');
    const client = await boundTo('127.0.0.1');
    for (const text of ['x'.repeat(65_507), '']) {
      client.send(text, lab.ports[0], '127.0.0.1');
      const received = await lab.next();
      expect(received.payload).toBe(text);
      lab.engine.write(encodeFrame(received.ip, received.port, Buffer.from(text)));
      expect((await messageOf(client)).text).toBe(text);
    }
  });

  it('complains once about what is no frame, and hears and sends nothing after that', async () => {
    const lab = await open('127.0.0.1');
    const client = await boundTo('127.0.0.1');
    client.send('hello', lab.ports[0], '127.0.0.1');
    const { port } = await lab.next();
    client.on('message', () => expect.unreachable());
    lab.engine.write(Buffer.alloc(100, 0xff));
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from('no')));
    lab.engine.write(Buffer.alloc(100, 0xff));
    await new Promise((resolve) => lab.engine.write(Buffer.alloc(1), resolve));
    expect(lab.complaints()).toBe(1);
  });

  it('takes datagrams from the sockets it is told to serve; answers leave by all that are open', async () => {
    const lab = await open('127.0.0.1');
    const more = await boundTo('127.0.0.1');
    const client = await boundTo('127.0.0.1');
    const ask = async (text: string, to: number): Promise<Received> => {
      client.send(text, to, '127.0.0.1');
      return lab.next();
    };
    const { port } = await ask('first', lab.ports[0]!);
    lab.relay.serve([more]);
    expect(await ask('second', more.address().port)).toMatchObject({ payload: 'second' });
    client.send('to nobody', lab.ports[0], '127.0.0.1');
    expect(await ask('third', more.address().port)).toMatchObject({ payload: 'third' });
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from('late')));
    expect(await messageOf(client)).toMatchObject({ text: 'late', from: { port: lab.ports[0] } });
  });

  it('forgets the clients of a socket that closes', async () => {
    const lab = await open();
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    lab.relay.serve([socket]);
    const client = await boundTo('127.0.0.1');
    client.send('hello', socket.address().port, '127.0.0.1');
    const { port } = await lab.next();
    socket.close();
    await once(socket, 'close');
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, port, Buffer.from('too late')));
    const other = await boundTo('127.0.0.1');
    lab.relay.serve([other]);
    client.send('again', other.address().port, '127.0.0.1');
    lab.engine.write(encodeFrame(RELAYED_ADDRESS, (await lab.next()).port, Buffer.from('in time')));
    expect(await messageOf(client)).toMatchObject({ text: 'in time' });
  });

  it('lives through any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 5 }),
        async (chunks) => {
          const [channel, engine] = duplexPair();
          let complaints = 0;
          using _ = new DatagramRelay({ channel, onNonsense: () => (complaints += 1) });
          for (const chunk of chunks) await new Promise((resolve) => engine.write(chunk, resolve));
          expect(complaints).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('loses what an engine that does not read has no room for, and the rest stays whole', async () => {
    const lab = await open('127.0.0.1');
    lab.engine.pause();
    const client = await boundTo('127.0.0.1');
    const big = 'x'.repeat(60_000);
    for (let sent = 0; sent < 60; sent += 1) {
      await new Promise((resolve) => client.send(`${sent} ${big}`, lab.ports[0], '127.0.0.1', resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    lab.engine.resume();
    const numbers: number[] = [];
    // Again and again: it may be lost as well.
    const end = setInterval(() => client.send('end', lab.ports[0], '127.0.0.1'), 5);
    onTestFinished(() => clearInterval(end));
    for (;;) {
      const { payload } = await lab.next();
      if (payload === 'end') break;
      const [number, rest] = payload.split(' ');
      expect(rest).toBe(big);
      numbers.push(Number(number));
    }
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(numbers.length).toBeGreaterThan(5);
    expect(numbers.length).toBeLessThan(60);
  });
});
