/**
 * What arguments a function of the engine's own Node takes. Its bindings check little themselves, for Node's library
 * has checked before: given something else they end the process, or worse. The guest's library is in the guest's
 * hands, so everything is checked here again.
 *
 * A signature is a text with one word for each argument:
 * - `text`, `boolean`, `bytes`, `data` (text or bytes), `null`, `none` (null or undefined), `'x'` (just that text)
 * - `int`, `natural`, `uint` (32 bits), `number` (a safe integer), `0-2` (of that range), `-1` (just that)
 * - `bytes48`: so many bytes; `compression`: one to three algorithms that certificates are compressed by
 * - `size`: how many bytes are to come out; `some`: one or more; `modulus`, `bits`: as large as a modulus may be
 * - `<Class>`: an object of that class; `secretKey`, `publicKey`, `privateKey`: a KeyObjectHandle of that type;
 *   `secret`: bytes, or a secret key
 * - `JWK`: a secret key as the text of a JWK, in four arguments
 * - `KEY`: an asymmetric key in five (data, format, type, passphrase, curve); `PRIVATE`: one that is private, if it
 *   is an object
 * - `ENCODING`: how a pair of keys is to be written, in six (format and type of both, cipher, passphrase)
 *
 * `|` stands between those that one argument may be, a `?` behind one that may be missing or undefined.
 */
import type { NativeObjects } from './native-objects.ts';
import type { Crossing } from './values.ts';

/** The most bytes that one operation may give: nobody derives more, and the engine has to hold it. */
export const MAX_OUTPUT = 64 << 20;
/** OpenSSL's own limit for what it works with (rsa.h, OPENSSL_RSA_MAX_MODULUS_BITS). */
const MAX_MODULUS = 16_384;

/** node's crypto_keys.h, enum KeyFormat. `Store` (6) would let the guest read the engine's files. */
const FORMAT = { der: 0, pem: 1, jwk: 2, rawPublic: 3, rawPrivate: 4, rawSeed: 5 } as const;
const MAX_ENCODING = 3;
/** openssl/ec.h, point_conversion_form_t: compressed and uncompressed. */
const POINT_FORMS: ReadonlySet<number> = new Set([2, 4]);
/** node's crypto_keys.h, enum KeyType. */
const SECRET = 0;
const PUBLIC = 1;
const PRIVATE = 2;

/** Puts what the values are for the native function into `result`; false where they are not acceptable. */
type Convert = (
  values: readonly Crossing[],
  at: number,
  objects: NativeObjects,
  result: unknown[],
) => boolean;

interface Parameter {
  readonly width: number;
  readonly isOptional: boolean;
  readonly convert: Convert;
}

const isMissing = (value: Crossing): boolean => value === undefined || value === null;
const isInteger = (value: Crossing, low: number, high: number): boolean =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
const isOptional = (value: Crossing, test: (value: Crossing) => boolean): boolean =>
  isMissing(value) || test(value);
const isText = (value: Crossing): boolean => typeof value === 'string';
const isNull = (value: Crossing): boolean => value === null;
const isBytes = (value: Crossing): boolean => value instanceof Uint8Array;

/** As lib/internal/tls/secure-context.js packs them: how many, then the number of each (RFC 8879, section 7.3). */
const isCompression = (value: Crossing): boolean => {
  if (!isInteger(value, 0, 2 ** 31 - 1)) return false;
  const [count, ...algorithms] = [0, 8, 16, 24].map((shift) => ((value as number) >> shift) & 0xff);
  const used = algorithms.slice(0, count);
  return (
    isInteger(count, 1, 3) &&
    used.every((each, index) => isInteger(each, 1, 3) && used.indexOf(each) === index) &&
    algorithms.slice(count).every((each) => each === 0)
  );
};

const tooLarge = (limit: number): never => {
  throw Object.assign(new RangeError(`A sandbox of wasmrun computes at most ${limit} of this at once`), {
    code: 'ERR_OUT_OF_RANGE',
  });
};

const atMost = (value: Crossing, limit: number): boolean => {
  if (!isInteger(value, 0, Number.MAX_SAFE_INTEGER)) return false;
  return (value as number) <= limit || tooLarge(limit);
};

const simple =
  (test: (value: Crossing) => boolean): Convert =>
  (values, at, _, result) =>
    test(values[at]) && result.push(values[at]) > 0;

const keyObject = (number: Crossing, objects: NativeObjects): { getKeyType(): number } | undefined =>
  objects.find(number, 'KeyObjectHandle') as { getKeyType(): number } | undefined;

const keyOfType =
  (types: readonly number[]): Convert =>
  (values, at, objects, result) => {
    const handle = keyObject(values[at], objects);
    return handle !== undefined && types.includes(handle.getKeyType()) && result.push(handle) > 0;
  };

const secretKey = keyOfType([SECRET]);

const secret: Convert = (values, at, objects, result) =>
  isBytes(values[at]) ? result.push(values[at]) > 0 : secretKey(values, at, objects, result);

/** The fields of a JWK as the guest has them; the native function looks at their types itself. */
const jwkOf = (text: string): object | undefined => {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};

const secretJwk: Convert = (values, at, _, result) => {
  const [data, format, ...others] = values.slice(at, at + 4);
  const source = typeof data === 'string' ? jwkOf(data) : undefined;
  if (source === undefined || format !== FORMAT.jwk || !others.every(isMissing)) return false;
  return result.push(source, format, ...others) > 0;
};

const asymmetric =
  (types: readonly number[], firstRaw: number): Convert =>
  (values, at, objects, result) => {
    const [data, format, type, passphrase, curve] = values.slice(at, at + 5);
    if (!isOptional(passphrase, isBytes) || !isOptional(curve, isText)) return false;
    let source: unknown = data;
    if (typeof data === 'number') {
      const handle = keyObject(data, objects);
      if (handle === undefined || !types.includes(handle.getKeyType())) return false;
      if (!isMissing(format) || !isMissing(type)) return false;
      source = handle;
    } else if (typeof data === 'string') {
      source = jwkOf(data);
      if (source === undefined || format !== FORMAT.jwk || !isMissing(type)) return false;
    } else if (!isBytes(data) || !isKeyFormat(format, type, firstRaw)) {
      return false;
    }
    return result.push(source, format, type, passphrase, curve) > 0;
  };

const isKeyFormat = (format: Crossing, type: Crossing, firstRaw: number): boolean => {
  if (format === FORMAT.der) return isInteger(type, 0, MAX_ENCODING);
  if (format === FORMAT.pem) return isOptional(type, (value) => isInteger(value, 0, MAX_ENCODING));
  return isInteger(format, firstRaw, FORMAT.rawSeed) && isText(type);
};

/**
 * Whether a key can be written so.
 * @param raw - the formats that are bare bytes
 */
const isWritten = (format: Crossing, type: Crossing, raw: readonly Crossing[]): boolean => {
  if (format === FORMAT.der || format === FORMAT.pem) return isInteger(type, 0, MAX_ENCODING);
  if (format === FORMAT.rawPublic && POINT_FORMS.has(type as number)) return raw.includes(format);
  return isMissing(type) && (isMissing(format) || format === FORMAT.jwk || raw.includes(format));
};

const encoding: Convert = (values, at, _, result) => {
  const given = values.slice(at, at + 6);
  const [publicFormat, publicType, privateFormat, privateType, cipher, passphrase] = given;
  const isEncrypted =
    isInteger(privateFormat, FORMAT.der, FORMAT.jwk) && isText(cipher) && isBytes(passphrase);
  return (
    isWritten(publicFormat, publicType, [FORMAT.rawPublic]) &&
    isWritten(privateFormat, privateType, [FORMAT.rawPrivate, FORMAT.rawSeed]) &&
    (isEncrypted || (isMissing(cipher) && isMissing(passphrase))) &&
    result.push(...given) > 0
  );
};

const KINDS: Readonly<Record<string, Convert>> = {
  text: simple(isText),
  null: simple(isNull),
  none: simple(isMissing),
  boolean: simple((value) => typeof value === 'boolean'),
  bytes: simple(isBytes),
  compression: simple(isCompression),
  data: simple((value) => isText(value) || isBytes(value)),
  int: simple((value) => isInteger(value, -(2 ** 31), 2 ** 31 - 1)),
  natural: simple((value) => isInteger(value, 0, 2 ** 31 - 1)),
  uint: simple((value) => isInteger(value, 0, 2 ** 32 - 1)),
  number: simple((value) => isInteger(value, 0, Number.MAX_SAFE_INTEGER)),
  size: simple((value) => atMost(value, MAX_OUTPUT)),
  some: simple((value) => atMost(value, MAX_OUTPUT) && value !== 0),
  modulus: simple((value) => atMost(value, MAX_MODULUS)),
  bits: simple((value) => atMost(value, MAX_MODULUS) && value !== 0),
  secret,
  secretKey,
  publicKey: keyOfType([PUBLIC]),
  privateKey: keyOfType([PRIVATE]),
  JWK: secretJwk,
  KEY: asymmetric([PUBLIC, PRIVATE], FORMAT.rawPublic),
  PRIVATE: asymmetric([PRIVATE], FORMAT.rawPrivate),
  ENCODING: encoding,
};
const WIDTHS: Readonly<Record<string, number>> = { JWK: 4, KEY: 5, PRIVATE: 5, ENCODING: 6 };

const kindOf = (word: string): Convert => {
  const known = KINDS[word];
  if (known !== undefined) return known;
  const [, low, high] = /^(\d+)-(\d+)$/.exec(word) ?? [];
  if (low !== undefined) return simple((value) => isInteger(value, Number(low), Number(high)));
  if (/^-\d+$/.test(word)) return simple((value) => value === Number(word));
  const [, literal] = /^'(.+)'$/.exec(word) ?? [];
  if (literal !== undefined) return simple((value) => value === literal);
  const [, length] = /^bytes(\d+)$/.exec(word) ?? [];
  if (length !== undefined)
    return simple((value) => isBytes(value) && (value as Uint8Array).length === +length);
  const [, className] = /^<(\w+)>$/.exec(word) ?? [];
  if (className === undefined) throw new Error(`no such kind of argument: ${word}`);
  return (values, at, objects, result) => {
    const object = objects.find(values[at], className);
    return object !== undefined && result.push(object) > 0;
  };
};

const parameterOf = (word: string): Parameter => {
  const isOptional = word.endsWith('?');
  const kinds = (isOptional ? word.slice(0, -1) : word).split('|');
  const converts = kinds.map((kind) => kindOf(kind));
  return {
    width: WIDTHS[kinds[0]!] ?? 1,
    isOptional,
    convert: (values, at, objects, result) =>
      isOptional && values[at] === undefined
        ? result.push(values[at]) > 0
        : converts.some((convert) => convert(values, at, objects, result)),
  };
};

/** One of the ways a function may be called. */
export class Signature {
  readonly #parameters: readonly Parameter[];

  constructor(text: string) {
    this.#parameters = text === '' ? [] : text.split(' ').map((word) => parameterOf(word));
  }

  /** The arguments for the native function, as many as were given; undefined where they are not acceptable. */
  convert(values: readonly Crossing[], objects: NativeObjects): unknown[] | undefined {
    const result: unknown[] = [];
    let at = 0;
    for (const { width, isOptional, convert } of this.#parameters) {
      if (at >= values.length) {
        if (!isOptional) return undefined;
      } else if (at + width > values.length || !convert(values, at, objects, result)) {
        return undefined;
      }
      at += width;
    }
    return at < values.length ? undefined : result;
  }
}
