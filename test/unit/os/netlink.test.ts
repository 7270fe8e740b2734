import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAttributes, decodeMessages, encodeAttribute, encodeMessage } from '../../../src/os/netlink.ts';

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const message = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: bytes(70),
});

/** Without the two flag bits, which decoding removes. */
const attributeType = fc.integer({ min: 0, max: 0x3fff });

describe('netlink messages', () => {
  it('come back as they were sent, however many share a datagram', () => {
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        expect(decodeMessages(Buffer.concat(messages.map(encodeMessage)))).toEqual(messages);
      }),
    );
  });

  it('carry their length without padding and fill up to 4 bytes', () => {
    const encoded = encodeMessage({ type: 16, flags: 5, sequence: 1, payload: Buffer.from([1]) });
    expect(encoded.length).toBe(20);
    expect(encoded.readUInt32LE(0)).toBe(17);
  });
});

describe('netlink attributes', () => {
  it('come back as they were sent', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(attributeType, bytes(70)), { selector: ([type]) => type }),
        (list) => {
          const encoded = Buffer.concat(list.map(([type, payload]) => encodeAttribute(type, payload)));
          expect(decodeAttributes(encoded)).toEqual(new Map(list));
        },
      ),
    );
  });

  it('nest', () => {
    fc.assert(
      fc.property(attributeType, attributeType, bytes(20), (outer, inner, payload) => {
        const encoded = encodeAttribute(outer, [encodeAttribute(inner, payload)]);
        const nested = decodeAttributes(encoded).get(outer) ?? Buffer.alloc(0);
        expect(decodeAttributes(nested)).toEqual(new Map([[inner, payload]]));
      }),
    );
  });

  it('look as the kernel wants them: IFLA_IFNAME "lo", IFLA_NET_NS_FD 7', () => {
    expect(encodeAttribute(3, 'lo').toString('hex')).toBe('070003006c6f0000');
    expect(encodeAttribute(28, 7).toString('hex')).toBe('08001c0007000000');
  });

  it('lose the flag bits of their type', () => {
    expect([...decodeAttributes(encodeAttribute(0x8000 | 18, 'x')).keys()]).toEqual([18]);
  });
});

describe('decoding bytes that are no netlink', () => {
  it.each([
    ['messages', decodeMessages],
    ['attributes', decodeAttributes],
  ])('%s: ends, either with a result inside the bytes or with a RangeError', (_, decode) => {
    fc.assert(
      fc.property(bytes(64), (garbage) => {
        try {
          decode(garbage);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it.each([0, 15])('refuses a message that claims %i bytes', (length) => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(length);
    expect(() => decodeMessages(header)).toThrow(RangeError);
  });
});
