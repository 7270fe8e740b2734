import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSocket, encodeSocketRequest, SocketDiagnosis } from '../../../src/os/socket-diagnosis.ts';
import { AF_INET, AF_INET6, decodeIpAddress } from '../../../src/os/socket.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const port = fc.integer({ min: 0, max: 0xffff });
const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));

/** net/tcp_states.h, with the numbers the kernel has for them. */
const STATES = {
  1: 'established',
  2: 'syn-sent',
  3: 'syn-received',
  4: 'fin-wait-1',
  5: 'fin-wait-2',
  6: 'time-wait',
  7: 'close',
  8: 'close-wait',
  9: 'last-ack',
  10: 'listen',
  11: 'closing',
  12: 'syn-received',
} as const;

const message = fc.record({
  family: fc.constantFrom<typeof AF_INET | typeof AF_INET6>(AF_INET, AF_INET6),
  state: fc.constantFrom(...Object.keys(STATES).map(Number)),
  localPort: port,
  remotePort: port,
  local: bytes(16),
  remote: bytes(16),
  expiresMs: u32,
  receiveQueue: u32,
  uid: u32,
  inode: u32,
  cookie: bytes(8),
  attributes: bytes(12),
});

type Message = typeof message extends fc.Arbitrary<infer Value> ? Value : never;

/** struct inet_diag_msg of linux/inet_diag.h, field by field. */
const encode = (fields: Message): Buffer => {
  const head = Buffer.from([fields.family, fields.state, 0, 0]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(fields.localPort, 0);
  ports.writeUInt16BE(fields.remotePort, 2);
  const numbers = Buffer.alloc(20);
  [fields.expiresMs, fields.receiveQueue, 0, fields.uid, fields.inode].forEach((value, index) =>
    numbers.writeUInt32LE(value, 4 * index),
  );
  const id = [ports, fields.local, fields.remote, Buffer.alloc(4), fields.cookie];
  return Buffer.concat([head, ...id, numbers, fields.attributes]);
};

const addressIn = (family: number, field: Buffer): string =>
  decodeIpAddress(family === AF_INET ? field.subarray(0, 4) : field);

describe('a socket as sock_diag tells it', () => {
  it('has every field where linux/inet_diag.h puts it', () => {
    fc.assert(
      fc.property(message, (fields) => {
        const encoded = encode(fields);
        expect(decodeSocket(encoded, 'tcp')).toEqual({
          protocol: 'tcp',
          state: STATES[fields.state as keyof typeof STATES],
          localAddress: addressIn(fields.family, fields.local),
          localPort: fields.localPort,
          remoteAddress: addressIn(fields.family, fields.remote),
          remotePort: fields.remotePort,
          receiveQueue: fields.receiveQueue,
          expiresMs: fields.expiresMs,
          uid: fields.uid,
          inode: fields.inode,
          id: encoded.subarray(4, 52),
          family: fields.family,
        });
      }),
    );
  });

  it('is refused where the bytes are none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (garbage) => {
        const buffer = Buffer.from(garbage);
        const [family = 0, state = 0] = buffer;
        const isSocket = [AF_INET, AF_INET6].includes(family) && state in STATES && buffer.length >= 72;
        if (isSocket) decodeSocket(buffer, 'udp');
        else expect(() => decodeSocket(buffer, 'udp')).toThrow(RangeError);
      }),
    );
  });
});

describe('a question to sock_diag', () => {
  it('says family, protocol, states and local port', () => {
    const id = (localPort: string): string => localPort + '0'.repeat(92);
    const request = encodeSocketRequest(AF_INET, {
      protocol: 'tcp',
      states: ['established', 'listen'],
      localPort: 8080,
    });
    expect(request.toString('hex')).toBe(`0206000002040000${id('1f90')}`);
    expect(encodeSocketRequest(AF_INET6, { protocol: 'udp' }).toString('hex')).toBe(
      `0a110000fe1f0000${id('0000')}`,
    );
  });
});

/** Numbers of this process's sockets, as /proc tells them. */
const ownInodes = (): Set<number> =>
  new Set(
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return Number(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? NaN);
      } catch {
        return []; // the directory itself
      }
    }),
  );

describe('the sockets of this machine', () => {
  it.each(['127.0.0.1', '::1'])('listen and are connected on %s', async (host) => {
    await using server = createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, host);
    const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    using diagnosis = new SocketDiagnosis();
    const listed = diagnosis.list({ protocol: 'tcp', localPort: port });
    const common = { localAddress: host, localPort: port, uid: process.getuid!(), protocol: 'tcp' };
    expect(listed).toHaveLength(2);
    expect(listed).toContainEqual(expect.objectContaining({ ...common, state: 'listen', remotePort: 0 }));
    expect(listed).toContainEqual(
      expect.objectContaining({
        ...common,
        state: 'established',
        remoteAddress: host,
        remotePort: client.localPort,
      }),
    );
    const own = ownInodes();
    expect(listed.filter(({ inode }) => own.has(inode))).toHaveLength(2);
    expect(diagnosis.list({ protocol: 'tcp', localPort: port, states: ['listen'] })).toHaveLength(1);
    expect(diagnosis.list({ protocol: 'udp', localPort: port })).toEqual([]);
    client.destroy();
    accepted.destroy();
  });

  it('are of IPv4, also where a socket of IPv6 takes them', async () => {
    await using server = createServer().listen(0, '::');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    using diagnosis = new SocketDiagnosis();
    const [socket] = diagnosis.list({ protocol: 'tcp', localPort: port, states: ['established'] });
    expect(socket).toMatchObject({ localAddress: '127.0.0.1', remoteAddress: '127.0.0.1', family: AF_INET6 });
    client.destroy();
    accepted.destroy();
  });

  it('of UDP are bound', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    using diagnosis = new SocketDiagnosis();
    const { port } = socket.address();
    expect(diagnosis.list({ protocol: 'udp', localPort: port })).toMatchObject([
      { protocol: 'udp', state: 'close', localAddress: '127.0.0.1', localPort: port },
    ]);
    socket.close();
  });
});
