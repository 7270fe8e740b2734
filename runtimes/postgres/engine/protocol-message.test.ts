import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readMessage, writeMessage } from './protocol-message.ts';

const type = fc.integer({ min: 65, max: 122 }).map((code) => String.fromCharCode(code));
const content = fc.uint8Array({ maxLength: 50 });

test('a message is read as it was written, whatever follows it, and not before it is whole', () => {
  fc.assert(
    fc.property(type, content, content, fc.nat(), (letter, said, rest, at) => {
      const written = writeMessage(letter, said);
      const message = readMessage(Buffer.concat([written, rest]));
      expect(message).toEqual({ type: letter, content: Buffer.from(said), length: written.length });
      expect(readMessage(written.subarray(0, at % written.length))).toBeUndefined();
    }),
  );
});

test('any bytes are a message, or not yet', () => {
  fc.assert(
    fc.property(content, (bytes) => {
      const message = readMessage(Buffer.from(bytes));
      if (message !== undefined) expect(message.length).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 1000 },
  );
});
