import { SocketAddress } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeIpAddress, encodeIpAddress, encodeSocketAddress } from '../../../src/os/socket.ts';

/** The textual form of bytes, by Node's own formatter. */
const text = (bytes: Buffer): string =>
  bytes.length === 4
    ? bytes.join('.')
    : new SocketAddress({ family: 'ipv6', address: bytes.toString('hex').match(/.{4}/g)?.join(':') ?? '' })
        .address;

const ipBytes = fc
  .constantFrom(4, 16)
  .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  .map((array) => Buffer.from(array));

describe('IP addresses as bytes', () => {
  it('are those of the textual form', () => {
    fc.assert(
      fc.property(ipBytes, (bytes) => {
        expect(encodeIpAddress(text(bytes))).toEqual(bytes);
      }),
    );
  });

  it('come back as text, one of IPv4 in IPv6 form as what it is', () => {
    fc.assert(
      fc.property(ipBytes, (bytes) => {
        expect(encodeIpAddress(decodeIpAddress(bytes))).toEqual(bytes);
      }),
    );
    expect(decodeIpAddress(encodeIpAddress('::ffff:10.0.0.1'))).toBe('10.0.0.1');
    expect(decodeIpAddress(encodeIpAddress('::'))).toBe('::');
  });

  it.each(['', '1.2.3', '1.2.3.256', '01.2.3.4', 'localhost', '::1::', '1.2.3.4 '])(
    'refuse %j',
    (address) => {
      expect(() => encodeIpAddress(address)).toThrow(TypeError);
    },
  );
});

describe('socket addresses', () => {
  it('have family, port and address where ip(7) and ipv6(7) put them', () => {
    expect(encodeSocketAddress('127.0.0.1', 8080).toString('hex')).toBe('02001f907f0000010000000000000000');
    expect(encodeSocketAddress('::1', 8080).toString('hex')).toBe(
      ['0a00', '1f90', '00000000', '00000000000000000000000000000001', '00000000'].join(''),
    );
  });
});
