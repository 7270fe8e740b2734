import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  FRAME_HEADER,
  FrameReader,
  MAX_PAYLOAD,
  readFrameHeader,
  RELAYED_ADDRESS,
} from '../../../src/os/datagram-frame.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const datagram = fc.record({
  ip: fc.oneof(bytes(4), bytes(16)),
  port: fc.integer({ min: 0, max: 65_535 }),
  payload: fc.uint8Array({ maxLength: 200 }),
});
type Datagram = { ip: Uint8Array; port: number; payload: Uint8Array };

/** Cuts a stream at arbitrary places. */
const cut = (stream: Buffer, sizes: readonly number[]): Buffer[] => {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < stream.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces;
};

const collect = (): { received: Datagram[]; reader: FrameReader } => {
  const received: Datagram[] = [];
  const reader = new FrameReader(({ ip, port }, payload) =>
    received.push({ ip, port, payload: Uint8Array.from(payload) }),
  );
  return { received, reader };
};

describe('a stream of frames', () => {
  it('gives the datagrams that were put into it, however it is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 12 }), sizes, (sent, sizes) => {
        const stream = Buffer.concat(sent.map(({ ip, port, payload }) => encodeFrame(ip, port, payload)));
        const { received, reader } = collect();
        for (const piece of cut(stream, sizes)) expect(reader.push(piece)).toBe(true);
        expect(received).toEqual(sent);
      }),
    );
  });

  it('takes the longest datagram, and an empty one', () => {
    const { received, reader } = collect();
    for (const length of [MAX_PAYLOAD, 65_507, 0]) {
      const payload = new Uint8Array(length).fill(length % 251);
      expect(reader.push(encodeFrame(RELAYED_ADDRESS, 53, payload))).toBe(true);
      expect(received.pop()).toEqual({ ip: RELAYED_ADDRESS, port: 53, payload });
    }
  });

  it('gives what comes before the first nonsense, and nothing after it', () => {
    const nonsense = fc.oneof(
      // A family that does not exist, and the byte that must be zero.
      fc
        .tuple(fc.integer({ min: 0, max: 65_535 }), bytes(18))
        .filter(([two]) => two !== 0x400 && two !== 0x600),
      // IPv4 with something behind the address.
      fc
        .tuple(fc.constant(0x400), bytes(18))
        .filter(([, rest]) => rest.subarray(6).some((byte) => byte !== 0)),
    );
    fc.assert(
      fc.property(fc.array(datagram, { maxLength: 4 }), nonsense, datagram, (sent, [family, rest], later) => {
        const { received, reader } = collect();
        for (const { ip, port, payload } of sent) reader.push(encodeFrame(ip, port, payload));
        const header = Buffer.from([0, 0, family >> 8, family & 0xff, ...rest]);
        expect(header.length).toBe(FRAME_HEADER);
        expect(reader.push(header)).toBe(false);
        expect(reader.push(encodeFrame(later.ip, later.port, later.payload))).toBe(false);
        expect(received).toEqual(sent);
      }),
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (chunks) => {
        const { received, reader } = collect();
        for (const chunk of chunks) reader.push(Buffer.from(chunk));
        for (const { ip, payload } of received) {
          expect([4, 16]).toContain(ip.length);
          expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
        }
      }),
    );
  });
});

it('a payload that no datagram can have is no frame', () => {
  const header = encodeFrame(RELAYED_ADDRESS, 1, new Uint8Array(0));
  header.writeUInt16BE(MAX_PAYLOAD + 1, 0);
  expect(readFrameHeader(header)).toBeUndefined();
});
