/** Messages of the protocol that have a type (PostgreSQL 18 documentation, 54.7): a letter, a length, what it says. */

/** Letter, and length, which counts itself. */
const HEAD = 5;
const LENGTH_SIZE = 4;

export interface ProtocolMessage {
  readonly type: string;
  readonly content: Buffer;
  /** Of all of it, in bytes. */
  readonly length: number;
}

export const writeMessage = (type: string, content: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(HEAD);
  head.write(type, 'latin1');
  head.writeInt32BE(LENGTH_SIZE + content.length, 1);
  return Buffer.concat([head, content]);
};

/** What the bytes begin with; undefined as long as it is not whole. */
export const readMessage = (bytes: Buffer): ProtocolMessage | undefined => {
  if (bytes.length < HEAD) return undefined;
  const length = 1 + Math.max(LENGTH_SIZE, bytes.readInt32BE(1));
  if (bytes.length < length) return undefined;
  return { type: bytes.toString('latin1', 0, 1), content: bytes.subarray(HEAD, length), length };
};
