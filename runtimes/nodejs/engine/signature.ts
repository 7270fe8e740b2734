/**
 * What arguments a function of the engine's own Node takes. Its bindings check little themselves, for Node's library
 * has checked before; the guest's library is in the guest's hands, so everything is checked here again.
 *
 * A signature is a text with one word for each argument:
 * - `text`, `boolean`, `bytes`, `data` (text or bytes)
 * - `int`, `uint` (32 bits), `0-2` (a number of that range), `size` (how many bytes are to come out), `number`
 * - `secret`: bytes, or a KeyObjectHandle of a secret key; `<Class>`: an object of that class
 * - `JWK`: a secret key as the text of a JWK, in four arguments
 * - `KEY`: an asymmetric key in five arguments (data, format, type, passphrase, curve)
 * - `ENCODING`: how a pair of keys is to be written, in six (format and type of both, cipher, passphrase)
 *
 * `|` stands between those that one argument may be, a `?` behind one that may be missing.
 */
import type { NativeObjects } from './native-objects.ts';
import type { Crossing } from './values.ts';

/** The most bytes that one operation may give: nobody derives more, and the engine has to hold it. */
export const MAX_OUTPUT = 64 << 20;
/** OpenSSL's own limit for what it works with (rsa.h, OPENSSL_RSA_MAX_MODULUS_BITS). */
const MAX_MODULUS = 16_384;

/** node's crypto_keys.h, enum KeyFormat. `Store` (6) would let the guest read the engine's files. */
const FORMAT = { der: 0, pem: 1, jwk: 2, rawPublic: 3, rawSeed: 5 } as const;
const MAX_ENCODING = 3;
const SECRET = 0;

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
const isBytes = (value: Crossing): boolean => value instanceof Uint8Array;

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

const secret: Convert = (values, at, objects, result) => {
  if (isBytes(values[at])) return result.push(values[at]) > 0;
  const handle = objects.find(values[at], 'KeyObjectHandle') as { getKeyType(): number } | undefined;
  return handle !== undefined && handle.getKeyType() === SECRET && result.push(handle) > 0;
};

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

const key: Convert = (values, at, objects, result) => {
  const [data, format, type, passphrase, curve] = values.slice(at, at + 5);
  if (!isOptional(passphrase, isBytes) || !isOptional(curve, isText)) return false;
  let source: unknown = data;
  if (typeof data === 'number') {
    source = objects.find(data, 'KeyObjectHandle');
    if (source === undefined || !isMissing(format) || !isMissing(type)) return false;
  } else if (typeof data === 'string') {
    source = jwkOf(data);
    if (source === undefined || format !== FORMAT.jwk || !isMissing(type)) return false;
  } else if (!isBytes(data) || !isKeyFormat(format, type)) {
    return false;
  }
  return result.push(source, format, type, passphrase, curve) > 0;
};

const isKeyFormat = (format: Crossing, type: Crossing): boolean => {
  if (format === FORMAT.der) return isInteger(type, 0, MAX_ENCODING);
  if (format === FORMAT.pem) return isOptional(type, (value) => isInteger(value, 0, MAX_ENCODING));
  return isInteger(format, FORMAT.rawPublic, FORMAT.rawSeed) && isText(type);
};

const encoding: Convert = (values, at, _, result) => {
  const given = values.slice(at, at + 6);
  const [publicFormat, publicType, privateFormat, privateType, cipher, passphrase] = given;
  const isFormat = (value: Crossing): boolean =>
    isOptional(value, (format) => isInteger(format, FORMAT.der, FORMAT.rawSeed));
  const isType = (value: Crossing): boolean =>
    isOptional(value, (type) => isInteger(type, 0, MAX_ENCODING + 1));
  return (
    isFormat(publicFormat) &&
    isType(publicType) &&
    isFormat(privateFormat) &&
    isType(privateType) &&
    isOptional(cipher, isText) &&
    isOptional(passphrase, isBytes) &&
    result.push(...given) > 0
  );
};

const KINDS: Readonly<Record<string, Convert>> = {
  text: simple(isText),
  boolean: simple((value) => typeof value === 'boolean'),
  bytes: simple(isBytes),
  data: simple((value) => isText(value) || isBytes(value)),
  int: simple((value) => isInteger(value, -(2 ** 31), 2 ** 31 - 1)),
  uint: simple((value) => isInteger(value, 0, 2 ** 32 - 1)),
  number: simple((value) => isInteger(value, 0, Number.MAX_SAFE_INTEGER)),
  size: simple((value) => atMost(value, MAX_OUTPUT)),
  modulus: simple((value) => atMost(value, MAX_MODULUS)),
  secret,
  JWK: secretJwk,
  KEY: key,
  ENCODING: encoding,
};
const WIDTHS: Readonly<Record<string, number>> = { JWK: 4, KEY: 5, ENCODING: 6 };

const kindOf = (word: string): Convert => {
  const known = KINDS[word];
  if (known !== undefined) return known;
  const [, low, high] = /^(\d+)-(\d+)$/.exec(word) ?? [];
  if (low !== undefined) return simple((value) => isInteger(value, Number(low), Number(high)));
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
      isOptional && isMissing(values[at])
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
      } else if (!convert(values, at, objects, result)) {
        return undefined;
      }
      at += width;
    }
    return at < values.length ? undefined : result;
  }
}
