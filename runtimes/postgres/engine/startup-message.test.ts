import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readStartupMessage, writeFatalError, writeStartupMessage } from './startup-message.ts';

const VERSION = 0x0003_0000;

/** A text that the protocol can carry: it ends with a zero. */
const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0'));
const name = text.filter((value) => value !== '');
const parameters = fc
  .array(fc.tuple(name, text), { maxLength: 8 })
  .map((entries) => new Map(entries.map(([key, value]) => [wellFormed(key), wellFormed(value)])));
/** UTF-8 has nothing for half a pair of surrogates. */
const wellFormed = (value: string): string => Buffer.from(value).toString();

const head = (length: number, code: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32BE(length, 0);
  bytes.writeInt32BE(code, 4);
  return bytes;
};

describe('the first message of a connection', () => {
  test('is read as it was written, whatever follows it', () => {
    fc.assert(
      fc.property(parameters, fc.uint8Array({ maxLength: 20 }), (given, rest) => {
        const written = writeStartupMessage(VERSION, given);
        const message = readStartupMessage(Buffer.concat([written, rest]));
        expect(message).toEqual({
          type: 'startup',
          length: written.length,
          version: VERSION,
          parameters: given,
        });
      }),
    );
  });

  test('is incomplete as long as a byte is missing', () => {
    fc.assert(
      fc.property(parameters, fc.nat(), (given, at) => {
        const written = writeStartupMessage(VERSION, given);
        const part = written.subarray(0, at % written.length);
        expect(readStartupMessage(part)).toEqual({ type: 'incomplete' });
      }),
    );
  });

  test('may be anything: it is understood or refused, and never longer than what has come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const message = readStartupMessage(Buffer.from(bytes));
        if ('length' in message) expect(message.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['a wish for TLS', head(8, 80_877_103), { type: 'encryption', length: 8 }],
    ['a wish for GSS', head(8, 80_877_104), { type: 'encryption', length: 8 }],
    [
      'a request to cancel',
      Buffer.concat([head(16, 80_877_102), Buffer.from([0, 0, 0, 7, 1, 2, 3, 4])]),
      { type: 'cancel', length: 16, pid: 7, key: Buffer.from([1, 2, 3, 4]) },
    ],
    ['half a request to cancel', head(8, 80_877_102), { type: 'invalid' }],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), { type: 'invalid' }],
    ['a protocol of long ago', head(8, 0x0002_0000), { type: 'invalid' }],
    ['less than nothing', head(-1, VERSION), { type: 'invalid' }],
    ['far too much', head(10_001, VERSION), { type: 'invalid' }],
    ['no end of the list', Buffer.concat([head(13, VERSION), Buffer.from('user\0')]), { type: 'invalid' }],
    [
      'a list that ends too early',
      Buffer.concat([head(10, VERSION), Buffer.from('\0\0')]),
      { type: 'invalid' },
    ],
  ])('%s', (_, bytes, expected) => {
    expect(readStartupMessage(bytes)).toMatchObject(expected);
  });
});

test('a fatal error tells its length, its code and its words', () => {
  fc.assert(
    fc.property(text, (message) => {
      const bytes = writeFatalError({ code: '3D000', message });
      expect(bytes.toString('latin1', 0, 1)).toBe('E');
      expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
      const fields = bytes.toString('utf8', 5).split('\0');
      expect(fields).toEqual(['SFATAL', 'VFATAL', 'C3D000', `M${wellFormed(message)}`, '', '']);
    }),
  );
});
