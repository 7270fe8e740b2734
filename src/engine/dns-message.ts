/** DNS messages (RFC 1035): one question for the addresses of a name, and what an answer says. */

/** Record types: A (RFC 1035), CNAME, AAAA (RFC 3596). */
const TYPE = { A: 1, CNAME: 5, AAAA: 28 } as const;
const CLASS_INTERNET = 1;
const HEADER_SIZE = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_RECURSION_DESIRED = 0x0100;
const RCODE_MASK = 0x000f;
/** RFC 1035 section 4.1.1 */
const RCODE = { ok: 0, noSuchName: 3 } as const;
const MAX_LABEL = 63;
const MAX_NAME = 253;
/** The two high bits of a length byte say that the rest of the name is elsewhere (section 4.1.4). */
const POINTER_BITS = 0xc0;

/** Whether `name` can be asked for: labels of 1–63 bytes, 253 in all. */
export const isQueryableName = (name: string): boolean =>
  name.length <= MAX_NAME &&
  // eslint-disable-next-line no-control-regex -- only printable ASCII: other names come as punycode
  name.split('.').every((label) => label.length > 0 && label.length <= MAX_LABEL && /^[!-~]+$/.test(label));

/** A query for the IPv4 (4) or IPv6 (6) addresses of `name` (see {@link isQueryableName}). */
export const encodeQuery = (id: number, name: string, family: 4 | 6): Buffer => {
  const labels = name
    .split('.')
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'));
  const question = Buffer.concat([...labels, Buffer.alloc(5)]);
  question.writeUInt16BE(family === 4 ? TYPE.A : TYPE.AAAA, question.length - 4);
  question.writeUInt16BE(CLASS_INTERNET, question.length - 2);
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(FLAG_RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, question]);
};

/** What a server said: addresses (none if the name has none of this family), or that it failed. */
export type DnsAnswer = { readonly ips: readonly Uint8Array[]; readonly exists: boolean } | 'server-failed';

/** First byte after the name at `offset`. Throws RangeError where the message ends before. */
const skipName = (message: Buffer, offset: number): number => {
  let at = offset;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) return at + 1;
    if ((length & POINTER_BITS) === POINTER_BITS) return at + 2;
    at += 1 + length;
  }
};

/**
 * Reads the answer to `query`; undefined if `message` is not one (another id, another question, cut
 * short): then the caller goes on waiting, anybody can send datagrams.
 */
export const decodeAnswer = (message: Buffer, query: Buffer): DnsAnswer | undefined => {
  const question = query.subarray(HEADER_SIZE);
  if (message.length < query.length || message.readUInt16BE(0) !== query.readUInt16BE(0)) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0 || message.readUInt16BE(4) !== 1) return undefined;
  if (!message.subarray(HEADER_SIZE, query.length).equals(question)) return undefined;
  const rcode = flags & RCODE_MASK;
  if (rcode === RCODE.noSuchName) return { ips: [], exists: false };
  if (rcode !== RCODE.ok) return 'server-failed';
  try {
    return {
      ips: readAddresses(message, query.length, question.readUInt16BE(question.length - 4)),
      exists: true,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/** The data of all records of `type`. A recursive server follows aliases and lists the end of the chain too. */
const readAddresses = (message: Buffer, offset: number, type: number): Uint8Array[] => {
  const size = type === TYPE.A ? 4 : 16;
  const ips: Uint8Array[] = [];
  let at = offset;
  for (let left = message.readUInt16BE(6); left > 0; left -= 1) {
    const fields = skipName(message, at);
    // type, class, ttl (4 bytes), data length
    const length = message.readUInt16BE(fields + 8);
    const data = fields + 10;
    if (data + length > message.length) throw new RangeError('record is cut short');
    if (message.readUInt16BE(fields) === type && length === size) {
      ips.push(Uint8Array.from(message.subarray(data, data + length)));
    }
    at = data + length;
  }
  return ips;
};
