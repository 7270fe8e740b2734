/**
 * Netlink messages as bytes: the binary language in which the kernel is asked about interfaces,
 * addresses and routes. Layout from linux/netlink.h: a 16 byte header, a fixed struct that depends on
 * the message type, then attributes (length, type, value), everything padded to 4 bytes and in the
 * byte order of the machine, which is little-endian on every platform Node's Linux builds exist for
 * here (x64, arm64).
 */

/** `NLMSG_ALIGNTO` and `NLA_ALIGNTO`: messages and attributes start at multiples of 4 bytes. */
const ALIGNMENT = 4;
/** `sizeof(struct nlmsghdr)`: length u32, type u16, flags u16, sequence u32, port u32. */
const MESSAGE_HEADER = 16;
/** `sizeof(struct nlattr)`: length u16, type u16. */
const ATTRIBUTE_HEADER = 4;
/** `NLA_TYPE_MASK`: the two upper bits of an attribute's type are flags (nested, byte order). */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

const align = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

export interface NetlinkMessage {
  /** `NLMSG_*` or `RTM_*`. */
  readonly type: number;
  /** `NLM_F_*` bits. */
  readonly flags: number;
  /** The answer to a request carries the request's number. */
  readonly sequence: number;
  /** The fixed struct of the type, followed by attributes. */
  readonly payload: Buffer;
}

/** One netlink message as bytes, padded. The sender's port stays 0: the kernel fills it in. */
export const encodeMessage = ({ type, flags, sequence, payload }: NetlinkMessage): Buffer => {
  const bytes = Buffer.alloc(align(MESSAGE_HEADER + payload.length));
  bytes.writeUInt32LE(MESSAGE_HEADER + payload.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  payload.copy(bytes, MESSAGE_HEADER);
  return bytes;
};

/** One attribute as bytes, padded. Text is a C string, a number a u32, an array holds nested attributes. */
export const encodeAttribute = (
  type: number,
  value: Buffer | string | number | readonly Buffer[],
): Buffer => {
  const payload = attributePayload(value);
  const bytes = Buffer.alloc(align(ATTRIBUTE_HEADER + payload.length));
  bytes.writeUInt16LE(ATTRIBUTE_HEADER + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  payload.copy(bytes, ATTRIBUTE_HEADER);
  return bytes;
};

const attributePayload = (value: Buffer | string | number | readonly Buffer[]): Buffer => {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return Buffer.from(`${value}\0`);
  if (typeof value !== 'number') return Buffer.concat(value);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/**
 * The messages of one datagram.
 * @throws {RangeError} when a message is longer than the bytes that are there
 */
export const decodeMessages = (bytes: Buffer): NetlinkMessage[] => {
  const messages: NetlinkMessage[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.length - offset < MESSAGE_HEADER ? 0 : bytes.readUInt32LE(offset);
    if (length < MESSAGE_HEADER || offset + length > bytes.length) {
      throw new RangeError(`netlink message of ${length} bytes at ${offset} of ${bytes.length}`);
    }
    messages.push({
      type: bytes.readUInt16LE(offset + 4),
      flags: bytes.readUInt16LE(offset + 6),
      sequence: bytes.readUInt32LE(offset + 8),
      payload: bytes.subarray(offset + MESSAGE_HEADER, offset + length),
    });
    offset += align(length);
  }
  return messages;
};

/**
 * The values of a run of attributes by type; where a type repeats, its last value.
 * @throws {RangeError} when an attribute is longer than the bytes that are there
 */
export const decodeAttributes = (bytes: Buffer): Map<number, Buffer> => {
  const attributes = new Map<number, Buffer>();
  for (let offset = 0; offset < bytes.length;) {
    const length = bytes.length - offset < ATTRIBUTE_HEADER ? 0 : bytes.readUInt16LE(offset);
    if (length < ATTRIBUTE_HEADER || offset + length > bytes.length) {
      throw new RangeError(`netlink attribute of ${length} bytes at ${offset} of ${bytes.length}`);
    }
    const type = bytes.readUInt16LE(offset + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, bytes.subarray(offset + ATTRIBUTE_HEADER, offset + length));
    offset += align(length);
  }
  return attributes;
};
