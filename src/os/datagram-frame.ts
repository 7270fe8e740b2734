/**
 * Datagrams on a stream: how supervisor and engine pass them to each other over a Unix socket pair. A frame
 * is a header and the payload. The header, in network byte order:
 *
 *     0  u16       length of the payload
 *     2  u8        address family of the peer, 4 or 6
 *     3  u8        0
 *     4  u16       port of the peer
 *     6  16 bytes  address of the peer; one of IPv4 is followed by zeros
 *
 * The peer is the sender of a datagram on its way to the engine, its receiver on the way back.
 */

/** Length of the header, in bytes. */
export const FRAME_HEADER = 22;
/** Longest payload, in bytes: that of UDP over IPv6 (RFC 8200 section 4.5, RFC 768); over IPv4 it is 65,507. */
export const MAX_PAYLOAD = 65_527;
export const MAX_FRAME: number = FRAME_HEADER + MAX_PAYLOAD;

/**
 * The peer that relayed clients appear as inside a sandbox, told apart by their ports: 192.0.0.8, the IPv4
 * dummy address of RFC 7600. Their own addresses may exist inside, too: the host's loopback does.
 */
export const RELAYED_ADDRESS: Uint8Array = Uint8Array.of(192, 0, 0, 8);

const PEER_PORT = 4;
const PEER_ADDRESS = 6;

export interface FrameHeader {
  /** The peer's address: 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly ip: Uint8Array;
  /** The peer's port, 0–65535. */
  readonly port: number;
  /** Length of the payload, in bytes. */
  readonly length: number;
}

/** Stores a header at the start of `target`. */
export const writeFrameHeader = (target: Buffer, { ip, port, length }: FrameHeader): void => {
  target.writeUInt16BE(length, 0);
  target.writeUInt16BE(ip.length === 4 ? 0x0400 : 0x0600, 2);
  target.writeUInt16BE(port, PEER_PORT);
  target.fill(0, PEER_ADDRESS, FRAME_HEADER);
  target.set(ip, PEER_ADDRESS);
};

/** The header at the start of `bytes`, or undefined where there is none. */
export const readFrameHeader = (bytes: Buffer): FrameHeader | undefined => {
  const length = bytes.readUInt16BE(0);
  const family = bytes.readUInt16BE(2);
  const address = bytes.subarray(PEER_ADDRESS, FRAME_HEADER);
  const isIPv4 = family === 0x0400 && address.subarray(4).every((byte) => byte === 0);
  if (length > MAX_PAYLOAD || !(isIPv4 || family === 0x0600)) return undefined;
  const ip = Uint8Array.from(isIPv4 ? address.subarray(0, 4) : address);
  return { ip, port: bytes.readUInt16BE(PEER_PORT), length };
};

/** A whole frame. */
export const encodeFrame = (ip: Uint8Array, port: number, payload: Uint8Array): Buffer => {
  const frame = Buffer.allocUnsafe(FRAME_HEADER + payload.length);
  writeFrameHeader(frame, { ip, port, length: payload.length });
  frame.set(payload, FRAME_HEADER);
  return frame;
};

/** Takes a stream apart into frames, however it is cut. */
export class FrameReader {
  readonly #onFrame: (peer: FrameHeader, payload: Buffer) => void;
  #pending: Buffer = Buffer.alloc(0);
  #isSound = true;

  constructor(onFrame: (peer: FrameHeader, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Reads on. False where what was read is no frame: nothing can be read after that. */
  push(chunk: Buffer): boolean {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#isSound && bytes.length >= FRAME_HEADER) {
      const header = readFrameHeader(bytes);
      if (header === undefined) {
        this.#isSound = false;
        bytes = Buffer.alloc(0);
        break;
      }
      const end = FRAME_HEADER + header.length;
      if (bytes.length < end) break;
      this.#onFrame(header, bytes.subarray(FRAME_HEADER, end));
      bytes = bytes.subarray(end);
    }
    this.#pending = bytes;
    return this.#isSound;
  }
}
