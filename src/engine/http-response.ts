/** As much of a response of HTTP/1 (RFC 9112) as it takes to tell where it ends. */

const HEAD_END = Buffer.from('\r\n\r\n');
/** `HTTP/1.1 200`: the version, a space, three digits. */
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})[ \r]/;
/** RFC 9110 §15: responses without a body. */
const BODILESS: ReadonlySet<string> = new Set(['204', '304']);

const statusOf = (head: Buffer): string | undefined => STATUS_LINE.exec(head.toString('latin1', 0, 16))?.[1];

/** Bytes of the status line with its line end; 0 where there is none. */
export const statusLineLength = (beginning: Buffer): number => {
  const end = statusOf(beginning) === undefined ? -1 : beginning.indexOf('\r\n');
  return end < 0 ? 0 : end + 2;
};

/** Where the status begins, and the digit it begins with when a response is not the final one. */
const STATUS_AT = 'HTTP/1.1 '.length;
const ONE = 0x31;

/** Is it the end of HTTP on this connection, such as the beginning of a web socket? Cheap where it is not. */
export const isSwitchingProtocols = (head: Buffer): boolean =>
  head[STATUS_AT] === ONE && statusOf(head) === '101';

/**
 * Is a response sent as a whole? In doubt it is not.
 * @param head - its first bytes, at least the headers
 * @param sent - bytes sent of it, the head included
 * @param endsWithLastChunk - whether what was sent ends like a body in chunks does
 */
export const isComplete = (head: Buffer, sent: number, endsWithLastChunk: boolean): boolean => {
  const status = statusOf(head);
  const end = head.indexOf(HEAD_END);
  if (status === undefined || status.startsWith('1') || end < 0) return false;
  const headLength = end + HEAD_END.length;
  if (BODILESS.has(status)) return sent >= headLength;
  const headers = head.toString('latin1', 0, end);
  const length = /^content-length:[ \t]*(\d{1,15})[ \t]*$/im.exec(headers)?.[1];
  if (length !== undefined) return sent >= headLength + Number(length);
  return endsWithLastChunk && /^transfer-encoding:.*\bchunked[ \t]*$/im.test(headers);
};
