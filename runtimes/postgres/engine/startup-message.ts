/**
 * The first messages of a connection, which have no type, and the error that answers them where no backend can
 * (PostgreSQL 18 documentation, 54.2.1 "Start-up" and 54.7 "Message Formats").
 */
import { writeMessage } from './protocol-message.ts';

/** src/include/libpq/pqcomm.h: `MAX_STARTUP_PACKET_LENGTH`, in bytes. */
const MAX_LENGTH = 10_000;
/** A length and a code. */
const HEAD = 8;
const CODES = { cancel: 80_877_102, tls: 80_877_103, gss: 80_877_104 } as const;
/** Major versions are in the upper 16 bits. */
const MAJOR_VERSION = 3;
/** SQLSTATE `feature_not_supported` */
const UNSUPPORTED = '0A000';

export type StartupMessage =
  /** More bytes are needed. */
  | { readonly type: 'incomplete' }
  /** Not a message of this protocol. */
  | { readonly type: 'invalid'; readonly code?: string; readonly reason: string }
  /** The client wants to encrypt what follows. */
  | { readonly type: 'encryption'; readonly length: number }
  /** What another connection runs is to be cancelled. */
  | { readonly type: 'cancel'; readonly length: number; readonly pid: number; readonly key: Buffer }
  | {
      readonly type: 'startup';
      /** Of the whole message, in bytes. */
      readonly length: number;
      /** Major and minor version. */
      readonly version: number;
      /** `user`, `database`, and settings. */
      readonly parameters: ReadonlyMap<string, string>;
    };

/** What the bytes that a client has sent begin with. */
export const readStartupMessage = (bytes: Buffer): StartupMessage => {
  if (bytes.length < HEAD) return { type: 'incomplete' };
  const length = bytes.readInt32BE(0);
  if (length < HEAD || length > MAX_LENGTH)
    return { type: 'invalid', reason: 'invalid length of startup packet' };
  if (bytes.length < length) return { type: 'incomplete' };
  const code = bytes.readInt32BE(4);
  const content = bytes.subarray(HEAD, length);
  if (code === CODES.tls || code === CODES.gss) return { type: 'encryption', length };
  if (code === CODES.cancel) {
    if (content.length < 4) return { type: 'invalid', reason: 'invalid length of cancel request' };
    return { type: 'cancel', length, pid: content.readInt32BE(0), key: Buffer.from(content.subarray(4)) };
  }
  if (code >>> 16 !== MAJOR_VERSION) {
    const version = `${code >>> 16}.${code & 0xffff}`;
    return {
      type: 'invalid',
      code: UNSUPPORTED,
      reason: `unsupported frontend protocol ${version}: server supports 3.0 to 3.2`,
    };
  }
  const parameters = readParameters(content);
  return parameters === undefined
    ? { type: 'invalid', reason: 'invalid startup packet layout: expected terminator as last byte' }
    : { type: 'startup', length, version: code, parameters };
};

/** Names and values, each with a zero at its end, then a zero. */
const readParameters = (content: Buffer): ReadonlyMap<string, string> | undefined => {
  const parameters = new Map<string, string>();
  for (let at = 0; at < content.length;) {
    if (content[at] === 0) return at === content.length - 1 ? parameters : undefined;
    const nameEnd = content.indexOf(0, at);
    const valueEnd = nameEnd < 0 ? -1 : content.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return undefined;
    parameters.set(content.toString('utf8', at, nameEnd), content.toString('utf8', nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
  return undefined;
};

/** A start-up message with these parameters, as a client sends it. */
export const writeStartupMessage = (version: number, parameters: ReadonlyMap<string, string>): Buffer => {
  const texts = [...parameters].flatMap(([name, value]) => [`${name}\0`, `${value}\0`]);
  const content = Buffer.from(`${texts.join('')}\0`);
  const head = Buffer.alloc(HEAD);
  head.writeInt32BE(HEAD + content.length, 0);
  head.writeInt32BE(version, 4);
  return Buffer.concat([head, content]);
};

/** How a server refuses encryption. */
export const NO_ENCRYPTION = Buffer.from('N');

export interface FatalError {
  /** SQLSTATE, five characters (PostgreSQL 18 documentation, appendix A). */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
}

/** ErrorResponse: the connection ends with it. */
export const writeFatalError = ({ code, message, detail }: FatalError): Buffer => {
  const fields = [
    'SFATAL',
    'VFATAL',
    `C${code}`,
    `M${message}`,
    ...(detail === undefined ? [] : [`D${detail}`]),
  ];
  return writeMessage('E', Buffer.from(`${fields.join('\0')}\0\0`));
};
