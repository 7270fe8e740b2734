import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAnswer, encodeQuery, isQueryableName } from '../../../src/engine/dns-message.ts';

const label = fc.string({
  minLength: 1,
  maxLength: 20,
  unit: fc.constantFrom('a', 'b', 'z', 'Z', '0', '9', '-', '_'),
});
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const id = fc.integer({ min: 0, max: 0xffff });
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });

/** A pointer to the name of the question, which begins after the 12 bytes of the header. */
const NAME_OF_QUESTION = Buffer.from([0xc0, 12]);

const record = (type: number, data: Uint8Array): Buffer => {
  const fields = Buffer.alloc(10);
  fields.writeUInt16BE(type, 0);
  fields.writeUInt16BE(1, 2);
  fields.writeUInt16BE(data.length, 8);
  return Buffer.concat([NAME_OF_QUESTION, fields, data]);
};

/** The answer of a server, by hand from RFC 1035. */
const answer = (query: Buffer, records: readonly Buffer[], rcode = 0): Buffer => {
  const head = Buffer.from(query);
  head.writeUInt16BE(0x8180 | rcode, 2);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, ...records]);
};

test('a query is the message of RFC 1035', () => {
  expect(encodeQuery(0x1234, 'a.example', 4).toString('hex')).toBe(
    '123401000001000000000000016107' + Buffer.from('example').toString('hex') + '0000010001',
  );
  expect(encodeQuery(0, 'a', 6).readUInt16BE(15)).toBe(28);
});

describe('answers', () => {
  test('addresses come back in order, behind aliases and records of other types', () => {
    fc.assert(
      fc.property(name, id, fc.array(ipv4, { maxLength: 10 }), (host, number, ips) => {
        const query = encodeQuery(number, host, 4);
        const alias = record(5, Buffer.from([1, 0x78, 0]));
        const foreign = record(28, Buffer.alloc(16, 7));
        const message = answer(query, [alias, foreign, ...ips.map((ip) => record(1, ip))]);
        expect(decodeAnswer(message, query)).toEqual({ ips, exists: true });
      }),
    );
  });

  test('a message cut short anywhere is no answer, and nothing throws', () => {
    const query = encodeQuery(7, 'host.example', 4);
    const whole = answer(query, [record(1, Buffer.from([1, 2, 3, 4]))]);
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodeAnswer(whole.subarray(0, length), query)).toBeUndefined();
    }
  });

  test('arbitrary bytes never throw', () => {
    const query = encodeQuery(0, 'a', 4);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (tail) => {
        const message = Buffer.concat([answer(query, []), tail]);
        message.writeUInt16BE(3, 6);
        decodeAnswer(message, query);
      }),
    );
  });

  test('another id, another question, or a query are not answers', () => {
    const query = encodeQuery(7, 'host.example', 4);
    expect(decodeAnswer(answer(encodeQuery(8, 'host.example', 4), []), query)).toBeUndefined();
    expect(decodeAnswer(answer(encodeQuery(7, 'evil.example', 4), []), query)).toBeUndefined();
    expect(decodeAnswer(query, query)).toBeUndefined();
  });

  test('the result codes', () => {
    const query = encodeQuery(7, 'host.example', 4);
    expect(decodeAnswer(answer(query, [], 3), query)).toEqual({ ips: [], exists: false });
    expect(decodeAnswer(answer(query, [], 2), query)).toBe('server-failed');
  });
});

test.for([
  ['example.com', true],
  ['a', true],
  ['', false],
  ['a..b', false],
  ['.a', false],
  ['a b', false],
  ['bücher.example', false],
  ['x'.repeat(63), true],
  ['x'.repeat(64), false],
  [Array.from({ length: 5 }, () => 'x'.repeat(60)).join('.'), false],
] as const)('whether %j can be asked for', ([text, expected]) => {
  expect(isQueryableName(text)).toBe(expected);
});
