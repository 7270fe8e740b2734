/**
 * Authentication by SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677; PostgreSQL 18 documentation, 54.3), with the
 * words of src/backend/libpq/auth-scram.c. There is no TLS, so no channel that a client could bind it to.
 */
import { Refusal, SQLSTATE } from './refusal.ts';
import { isSameSecret } from './same-secret.ts';

export const SCRAM_MECHANISM = 'SCRAM-SHA-256';
const HASH = 'sha256';
/** Of SHA-256, in bytes. */
const KEY_SIZE = 32;
/** src/include/common/scram-common.h: `SCRAM_DEFAULT_SALT_LEN`, `SCRAM_SHA_256_DEFAULT_ITERATIONS`. */
const SALT_SIZE = 16;
const ITERATIONS = 4096;

/** What is stored of a password: enough to know who knows it, not enough to say so oneself (RFC 5802, 3). */
export interface ScramVerifier {
  readonly iterations: number;
  /** In Base64. */
  readonly salt: string;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const malformed = (detail: string): Refusal =>
  new Refusal(SQLSTATE.protocolViolation, 'malformed SCRAM message', detail);

/** Loading it takes 10 ms, which a start need not wait for. */
const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');
// Messages are taken as the bytes they are.
const hmac = (key: Uint8Array, text: string): Buffer =>
  crypto().createHmac(HASH, key).update(text, 'latin1').digest();
const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer => {
  const hash = crypto().createHash(HASH);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Reads `pg_authid.rolpassword`; undefined for what is no verifier of this kind. */
export const parseVerifier = (text: string): ScramVerifier | undefined => {
  const [, iterations, salt, storedKey, serverKey] =
    /^SCRAM-SHA-256\$([1-9][0-9]{0,9}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+=?):([A-Za-z0-9+/]+=?)$/.exec(
      text,
    ) ?? [];
  if (salt === undefined || storedKey === undefined || serverKey === undefined) return undefined;
  const keys = { storedKey: Buffer.from(storedKey, 'base64'), serverKey: Buffer.from(serverKey, 'base64') };
  if (keys.storedKey.length !== KEY_SIZE || keys.serverKey.length !== KEY_SIZE) return undefined;
  return { iterations: Number(iterations), salt, ...keys };
};

/** For a user who cannot log in: always the same salt, as of one who can, and no password that fits. */
const mockVerifier = (user: string, secret: Uint8Array): ScramVerifier => ({
  iterations: ITERATIONS,
  salt: sha256(user, secret).subarray(0, SALT_SIZE).toString('base64'),
  storedKey: new Uint8Array(KEY_SIZE),
  serverKey: new Uint8Array(KEY_SIZE),
});

export interface ScramOptions {
  /** Undefined where nobody can log in. */
  readonly verifier: ScramVerifier | undefined;
  readonly user: string;
  /** What those who cannot log in are given a salt by; nobody else knows it. */
  readonly secret: Uint8Array;
  /** The server's part of the nonce: printable, without a comma. */
  readonly nonce: string;
}

/** One login: first {@link first}, then {@link final}. */
export class ScramExchange {
  readonly #verifier: ScramVerifier;
  readonly #isDoomed: boolean;
  readonly #serverNonce: string;
  #header = '';
  #nonce = '';
  #clientFirst = '';
  #serverFirst = '';

  constructor({ verifier, user, secret, nonce }: ScramOptions) {
    this.#verifier = verifier ?? mockVerifier(user, secret);
    this.#isDoomed = verifier === undefined;
    this.#serverNonce = nonce;
  }

  /**
   * @returns server-first-message
   * @throws {Refusal}
   */
  first(message: string): string {
    this.#header = readHeader(message);
    this.#clientFirst = message.slice(this.#header.length);
    if (this.#clientFirst.startsWith('m')) {
      throw new Refusal(SQLSTATE.featureNotSupported, 'client requires an unsupported SCRAM extension');
    }
    const attributes = new Attributes(this.#clientFirst);
    // The name is not looked at: the start-up message has told it.
    attributes.read('n');
    const nonce = attributes.read('r');
    if (!/^[!-+\--~]+$/.test(nonce))
      throw new Refusal(SQLSTATE.protocolViolation, 'non-printable characters in SCRAM nonce');
    while (!attributes.isAtEnd) attributes.readAny();
    this.#nonce = nonce + this.#serverNonce;
    const { salt, iterations } = this.#verifier;
    this.#serverFirst = `r=${this.#nonce},s=${salt},i=${iterations}`;
    return this.#serverFirst;
  }

  /**
   * @returns server-final-message, or undefined for who does not know the password
   * @throws {Refusal}
   */
  final(message: string): string | undefined {
    const attributes = new Attributes(message);
    if (attributes.read('c') !== Buffer.from(this.#header).toString('base64')) {
      throw new Refusal(
        SQLSTATE.protocolViolation,
        'unexpected SCRAM channel-binding attribute in client-final-message',
      );
    }
    const nonce = attributes.read('r');
    let at = attributes.at;
    let attribute = attributes.readAny();
    while (attribute.name !== 'p') {
      at = attributes.at;
      attribute = attributes.readAny();
    }
    const proof = fromBase64(attribute.value);
    if (proof?.length !== KEY_SIZE) throw malformed('Malformed proof in client-final-message.');
    if (!attributes.isAtEnd) throw malformed('Garbage found at the end of client-final-message.');
    if (nonce !== this.#nonce)
      throw new Refusal(SQLSTATE.protocolViolation, 'invalid SCRAM response', 'Nonce does not match.');
    const texts = [this.#clientFirst, this.#serverFirst, message.slice(0, at - 1)].join(',');
    return this.#isProven(proof, texts)
      ? `v=${hmac(this.#verifier.serverKey, texts).toString('base64')}`
      : undefined;
  }

  #isProven(proof: Uint8Array, texts: string): boolean {
    const { storedKey } = this.#verifier;
    const signature = hmac(storedKey, texts);
    const clientKey = proof.map((byte, index) => byte ^ signature[index]!);
    // Who is doomed takes as long as everybody.
    return isSameSecret(sha256(clientKey), storedKey) && !this.#isDoomed;
  }
}

/** What comes before the names: `gs2-header` of RFC 5802. */
const readHeader = (message: string): string => {
  const [flag = '', second = '', third = ''] = message;
  if (flag === 'p') {
    throw malformed(
      'The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.',
    );
  }
  if (flag !== 'n' && flag !== 'y') throw malformed(`Unexpected channel-binding flag "${printable(flag)}".`);
  if (second !== ',') throw malformed(`Comma expected, but found character "${printable(second)}".`);
  if (third === 'a') {
    throw new Refusal(
      SQLSTATE.featureNotSupported,
      'client uses authorization identity, but it is not supported',
    );
  }
  if (third !== ',') throw malformed(`Unexpected attribute "${printable(third)}" in client-first-message.`);
  return `${flag},,`;
};

const printable = (character: string): string =>
  /^[!-~]$/.test(character)
    ? `'${character}'`
    : `0x${Buffer.from(character || '\0', 'latin1').toString('hex')}`;

/** Undefined where it is written in any but the only way. */
const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

/** `x=value`, one after the other, with commas between them. */
class Attributes {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Where the next one begins. */
  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  read(name: string): string {
    const found = this.#text.charAt(this.#at);
    if (found !== name) throw malformed(`Expected attribute "${name}" but found "${printable(found)}".`);
    return this.#value(name);
  }

  readAny(): { readonly name: string; readonly value: string } {
    const name = this.#text.charAt(this.#at);
    if (name === '') throw malformed('Attribute expected, but found end of string.');
    if (!/^[A-Za-z]$/.test(name)) {
      throw malformed(`Attribute expected, but found invalid character "${printable(name)}".`);
    }
    return { name, value: this.#value(name) };
  }

  #value(name: string): string {
    if (this.#text.charAt(this.#at + 1) !== '=') {
      throw malformed(`Expected character "=" for attribute "${name}".`);
    }
    const comma = this.#text.indexOf(',', this.#at);
    const end = comma < 0 ? this.#text.length : comma;
    const value = this.#text.slice(this.#at + 2, end);
    this.#at = end + 1;
    return value;
  }
}
