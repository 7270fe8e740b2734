/** The messages that a password is proven by (PostgreSQL 18 documentation, 54.3; src/backend/libpq/auth-sasl.c). */
import { fillRandom } from '../../../src/engine/random.ts';
import { readMessage, writeMessage } from './protocol-message.ts';
import { Refusal, SQLSTATE } from './refusal.ts';
import { SCRAM_MECHANISM, ScramExchange } from './scram.ts';
import type { ScramOptions } from './scram.ts';

/** "AuthenticationSASL" and so on. */
const REQUEST = { sasl: 10, saslContinue: 11, saslFinal: 12 } as const;
/** `PG_MAX_SASL_MESSAGE_LENGTH`, in bytes. */
const MAX_LENGTH = 1024;
const HEAD = 5;
const RESPONSE = 'p';
/** src/include/common/scram-common.h: `SCRAM_RAW_NONCE_LEN`, in bytes. */
const NONCE_SIZE = 18;

/** The connection, to whoever authenticates somebody. */
export interface LoginChannel {
  send(bytes: Uint8Array): void;
  /** Waits until `read` makes something of what has come; undefined where the client has gone. */
  receive<Value>(read: (bytes: Buffer) => TakenValue<Value> | undefined): Promise<Value | undefined>;
}

export interface TakenValue<Value> {
  readonly value: Value;
  /** Bytes it was made of. */
  readonly length: number;
}

/** Does the client know the password? Undefined where it does not say. Throws {@link Refusal} where it breaks the rules. */
export const logIn = async (
  channel: LoginChannel,
  options: Omit<ScramOptions, 'nonce'>,
): Promise<boolean | undefined> => {
  const exchange = new ScramExchange({ ...options, nonce: newNonce() });
  const send = (request: number, content: string): void => {
    const kind = Buffer.alloc(4);
    kind.writeInt32BE(request);
    channel.send(writeMessage('R', Buffer.concat([kind, Buffer.from(content, 'latin1')])));
  };
  send(REQUEST.sasl, `${SCRAM_MECHANISM}\0\0`);
  let answer = await channel.receive(readResponse);
  if (answer === undefined || answer === 'oversized') return withoutAnswer(answer);
  let first = readInitialResponse(answer);
  if (first === undefined) {
    send(REQUEST.saslContinue, '');
    answer = await channel.receive(readResponse);
    if (answer === undefined || answer === 'oversized') return withoutAnswer(answer);
    first = answer.toString('latin1');
  }
  send(REQUEST.saslContinue, exchange.first(checked(first)));
  answer = await channel.receive(readResponse);
  if (answer === undefined || answer === 'oversized') return withoutAnswer(answer);
  const final = exchange.final(checked(answer.toString('latin1')));
  if (final === undefined) return false;
  send(REQUEST.saslFinal, final);
  return true;
};

/** Who says too much does not know the password. */
const withoutAnswer = (answer: 'oversized' | undefined): false | undefined =>
  answer === 'oversized' ? false : undefined;

const newNonce = (): string => {
  const bytes = Buffer.alloc(NONCE_SIZE);
  fillRandom(bytes);
  return bytes.toString('base64');
};

const violation = (message: string): Refusal => new Refusal(SQLSTATE.protocolViolation, message);

/** As scram_exchange() does first of all. */
const checked = (message: string): string => {
  if (message === '') throw malformed('The message is empty.');
  if (message.includes('\0')) throw malformed('Message length does not match input length.');
  return message;
};
const malformed = (detail: string): Refusal =>
  new Refusal(SQLSTATE.protocolViolation, 'malformed SCRAM message', detail);

const readResponse = (bytes: Buffer): TakenValue<Buffer | 'oversized'> | undefined => {
  if (bytes.length > 0 && bytes.toString('latin1', 0, 1) !== RESPONSE) {
    throw violation(`expected SASL response, got message type ${bytes[0]}`);
  }
  if (bytes.length < HEAD) return undefined;
  const length = bytes.readInt32BE(1);
  if (length < 4 || length > MAX_LENGTH) return { value: 'oversized', length: HEAD };
  const message = readMessage(bytes);
  return message && { value: Buffer.from(message.content), length: message.length };
};

/** "SASLInitialResponse": what SCRAM is to read; undefined where the client wants to be asked. */
const readInitialResponse = (content: Buffer): string | undefined => {
  const end = content.indexOf(0);
  if (end < 0) throw violation('invalid string in message');
  if (content.toString('latin1', 0, end) !== SCRAM_MECHANISM) {
    throw violation('client selected an invalid SASL authentication mechanism');
  }
  const data = content.subarray(end + 1);
  if (data.length < 4) throw violation('insufficient data left in message');
  const length = data.readInt32BE(0);
  const rest = data.subarray(4);
  if (length === -1 && rest.length === 0) return undefined;
  if (length < 0 || length > rest.length) throw violation('insufficient data left in message');
  if (length < rest.length) throw violation('invalid message format');
  return rest.toString('latin1');
};
