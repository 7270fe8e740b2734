import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_TRAFFIC_PORTS } from '../../../src/engine/messages.ts';
import type { FromEngine } from '../../../src/engine/messages.ts';
import { parseEngineLine, readEngineLines } from '../../../src/sandbox/engine-line.ts';

const messages: fc.Arbitrary<FromEngine> = fc.oneof(
  fc.record({
    type: fc.constant('prepared' as const),
    abi: fc.constantFrom('preview1', 'wasmedge', 'wasix', 'none', 'reactor'),
  }),
  fc.record({
    type: fc.constant('listening' as const),
    protocol: fc.constantFrom('tcp', 'udp'),
    port: fc.integer({ min: 0, max: 65_535 }),
    sockets: fc.nat(2),
  }),
  fc.record({
    type: fc.constant('connect' as const),
    id: fc.maxSafeNat(),
    protocol: fc.constantFrom('tcp', 'udp'),
    address: fc.oneof(fc.ipV4(), fc.ipV6()),
    port: fc.nat(65_535),
  }),
  fc.record({ type: fc.constant('resolve' as const), id: fc.maxSafeNat(), name: fc.domain() }),
  fc.record({ type: fc.constant('attached' as const) }),
  fc.record({
    type: fc.constant('traffic' as const),
    ports: fc.array(
      fc.record({
        protocol: fc.constantFrom('tcp', 'udp'),
        port: fc.nat(65_535),
        accepted: fc.maxSafeNat(),
        received: fc.maxSafeNat(),
        sent: fc.maxSafeNat(),
      }),
      { maxLength: 3 },
    ),
    isPartial: fc.boolean(),
  }),
  fc.record({ type: fc.constant('notice' as const), text: fc.string({ unit: 'grapheme' }) }),
  fc.record({ type: fc.constant('failed' as const), code: fc.string(), message: fc.string() }),
  fc.record({
    type: fc.constant('exited' as const),
    status: fc.nat(255),
    reason: fc.constantFrom('exit', 'trap', 'stopped', 'drained'),
  }),
);

test('every message arrives, however the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(messages, { maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      async (sent, size) => {
        const stream = new PassThrough();
        const received: FromEngine[] = [];
        readEngineLines(
          stream,
          (message) => received.push(message),
          () => expect.unreachable(),
        );
        const bytes = Buffer.from(sent.map((message) => `${JSON.stringify(message)}\n`).join(''));
        for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
        await new Promise((resolve) => stream.end(resolve).on('end', resolve));
        expect(received).toEqual(sent);
      },
    ),
    { numRuns: 100 },
  );
});

test('no text makes it fail, and only messages come out', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify(value)),
      ),
      (line) => {
        const message = parseEngineLine(line);
        if (message !== undefined)
          expect([
            'prepared',
            'listening',
            'connect',
            'resolve',
            'attached',
            'traffic',
            'notice',
            'failed',
            'exited',
          ]).toContain(message.type);
      },
    ),
  );
});

test.each([
  'null',
  '{"type":"go"}',
  '{"type":"listening","protocol":"tcp","port":70000,"sockets":0}',
  '{"type":"listening","protocol":"tcp","port":"80","sockets":0}',
  '{"type":"listening","protocol":"sctp","port":80,"sockets":0}',
  '{"type":"listening","port":80,"sockets":0}',
  '{"type":"exited","status":-1,"reason":"exit"}',
  '{"type":"exited","status":0,"reason":"because"}',
  '{"type":"failed","code":1,"message":"x"}',
  '{"type":"traffic","ports":[]}',
  '{"type":"traffic","ports":[null],"isPartial":false}',
  '{"type":"traffic","ports":[{"protocol":"tcp","port":1,"accepted":0,"received":-1,"sent":0}],"isPartial":false}',
  '{"type":"traffic","ports":[{"protocol":"tcp","port":1,"accepted":0,"received":1e99,"sent":0}],"isPartial":false}',
])('%s is nonsense', (line) => {
  expect(parseEngineLine(line)).toBeUndefined();
});

test('the longest message about traffic is no endless line', () => {
  const most = {
    protocol: 'tcp',
    port: 65_535,
    accepted: 2 ** 53 - 1,
    received: 2 ** 53 - 1,
    sent: 2 ** 53 - 1,
  };
  const line = JSON.stringify({
    type: 'traffic',
    ports: Array.from({ length: MAX_TRAFFIC_PORTS }, () => most),
    isPartial: false,
  });
  expect(line.length).toBeLessThan(65_536);
  expect(parseEngineLine(line)).toBeDefined();
});

test('nonsense and endless lines are reported once, and nothing is passed on after them', async () => {
  for (const nonsense of ['garbage\n', 'x'.repeat(70_000)]) {
    const stream = new PassThrough();
    const seen: string[] = [];
    readEngineLines(
      stream,
      ({ type }) => seen.push(type),
      () => seen.push('nonsense'),
    );
    stream.write('{"type":"listening","protocol":"tcp","port":1,"sockets":0}\n');
    stream.write(nonsense);
    stream.write('\n{"type":"listening","protocol":"tcp","port":2,"sockets":0}\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(['listening', 'nonsense']);
  }
});
