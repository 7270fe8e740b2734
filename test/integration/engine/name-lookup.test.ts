/** Lookups against a real DNS server: this process serves, a child looks up, because that blocks its thread. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { numericAddress, readNameServers } from '../../../src/engine/name-lookup.ts';
import { freePort } from '../../helpers/engine.ts';

const PROGRAM = fileURLToPath(new URL('lookup-program.ts', import.meta.url));
const TYPE_A = 1;
const TYPE_AAAA = 28;

/** What to answer: response code and the data of records of the asked type; undefined for silence. */
type Zone = (name: string, type: number) => { rcode?: number; data?: readonly Uint8Array[] } | undefined;

const readQuestion = (query: Buffer): { name: string; type: number } => {
  const labels: string[] = [];
  let at = 12;
  while (query[at] !== 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]!));
    at += 1 + query[at]!;
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1) };
};

const makeAnswer = (query: Buffer, type: number, data: readonly Uint8Array[], rcode: number): Buffer => {
  const head = Buffer.from(query);
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(data.length, 6);
  const records = data.map((bytes) => {
    const fields = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length]);
    return Buffer.concat([fields, bytes]);
  });
  return Buffer.concat([head, ...records]);
};

const serveDns = async (
  zone: Zone,
  forge = false,
): Promise<{ socket: Socket; address: string; asked: string[] }> => {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, sender) => {
    const { name, type } = readQuestion(query);
    asked.push(`${name} ${type}`);
    const reply = zone(name, type);
    if (reply === undefined) return;
    const answer = makeAnswer(query, type, reply.data ?? [], reply.rcode ?? 0);
    if (forge) {
      const forged = makeAnswer(query, type, [Uint8Array.of(6, 6, 6, 6)], 0);
      forged.writeUInt16BE(forged.readUInt16BE(0) ^ 1, 0);
      socket.send(forged, sender.port, sender.address);
    }
    socket.send(answer, sender.port, sender.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, address: `127.0.0.1:${socket.address().port}`, asked };
};

const startLookup = (name: string, servers: readonly string[]): ChildProcess =>
  spawn(process.execPath, [PROGRAM, name, ...servers], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });

const lookUp = async (name: string, ...servers: string[]): Promise<unknown> =>
  JSON.parse(await text(startLookup(name, servers).stdout!));

const V6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const zone: Zone = (name, type) => {
  if (name === 'both.example') return { data: type === TYPE_A ? [Uint8Array.of(192, 0, 2, 1)] : [V6] };
  if (name === 'v4.example') return { data: type === TYPE_A ? [Uint8Array.of(192, 0, 2, 2)] : [] };
  if (name === 'empty.example') return {};
  if (name === 'broken.example') return { rcode: 2 };
  return { rcode: 3 };
};

describe('with a name server', () => {
  test.for([
    ['both.example', ['192.0.2.1', [...V6].join('.')]],
    ['Both.Example.', ['192.0.2.1', [...V6].join('.')]],
    ['v4.example', ['192.0.2.2']],
    ['empty.example', 'no-address'],
    ['missing.example', 'unknown-name'],
    ['broken.example', 'try-again'],
    ['not a name', 'unknown-name'],
  ] as const)('%s', async ([name, expected]) => {
    const server = await serveDns(zone);
    await using _ = server.socket;
    expect(await lookUp(name, server.address)).toEqual(expected);
  });

  test('numbers and localhost are never asked for', async () => {
    const server = await serveDns(zone);
    await using _ = server.socket;
    expect(await lookUp('10.1.2.3', server.address)).toEqual(['10.1.2.3']);
    expect(await lookUp('localhost', server.address)).toContain('127.0.0.1');
    expect(await lookUp('app.localhost', server.address)).toContain('127.0.0.1');
    expect(server.asked).toEqual([]);
  });

  test('an answer with another id is not believed', async () => {
    const server = await serveDns(zone, true);
    await using _ = server.socket;
    expect(await lookUp('v4.example', server.address)).toEqual(['192.0.2.2']);
  });

  test('where one is silent and one is gone, the next is asked', async () => {
    const silent = await serveDns(() => undefined);
    const good = await serveDns((_name, type) =>
      type === TYPE_AAAA ? {} : { data: [Uint8Array.of(192, 0, 2, 3)] },
    );
    await using _silent = silent.socket;
    await using _good = good.socket;
    const gone = `127.0.0.1:${await freePort()}`;
    expect(await lookUp('host.example', gone, silent.address, good.address)).toEqual(['192.0.2.3']);
    expect(silent.asked).toContain('host.example 1');
  });

  test('nobody there: a failure at once, not after the timeout', async () => {
    const start = performance.now();
    expect(await lookUp('host.example', `127.0.0.1:${await freePort()}`)).toBe('try-again');
    expect(performance.now() - start).toBeLessThan(1900);
  });

  test('the end of the supervisor is noticed while waiting', async () => {
    const silent = await serveDns(() => undefined);
    await using _ = silent.socket;
    const child = startLookup('host.example', [silent.address]);
    await once(silent.socket, 'message');
    const start = performance.now();
    child.stdio[3]!.destroy();
    await once(child, 'exit');
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

test('numeric addresses', () => {
  expect(numericAddress('127.0.0.1')).toEqual(Uint8Array.of(127, 0, 0, 1));
  expect(numericAddress('2001:db8::1')).toEqual(V6);
  for (const text of ['', '127.1', '1.2.3.256', '::1%lo', 'localhost', '1.2.3.4\0', ' 1.2.3.4']) {
    expect(numericAddress(text)).toBeUndefined();
  }
});

test('the servers of resolv.conf', () => {
  const servers = readNameServers(
    '# comment\nsearch example\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 # two\nnameserver fe80::1%eth0\noptions ndots:2\nnameserver 192.0.2.9\n',
  );
  expect(servers).toEqual([
    { ip: Uint8Array.of(192, 0, 2, 1), port: 53 },
    { ip: V6, port: 53 },
    { ip: numericAddress('fe80::1'), port: 53 },
  ]);
  expect(readNameServers('')).toEqual([{ ip: Uint8Array.of(127, 0, 0, 1), port: 53 }]);
});
