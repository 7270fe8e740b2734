/**
 * The jobs of `internalBinding('crypto')` (crypto_util.h, CryptoJob): key generation, derivation, signatures, Web
 * Crypto. The engine computes them when they are made; callbacks and promises come as operations that ended later.
 */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { crossing, valueOf } from '../native-answers.ts';
import { perContext } from '../per-context.ts';
import { bytesOf } from './buffer.ts';
import { KeyObjectHandle, newCryptoKey } from './crypto-keys.ts';
import { defer } from './timers.ts';

/** crypto_util.h, enum CryptoJobMode. */
const ASYNC = 0;
const WEB_CRYPTO = 2;

type Outcome = readonly [error: unknown, result?: unknown];
type Callback = (error: unknown, result?: unknown) => void;

const run = (name: string, values: readonly unknown[]): Outcome =>
  valueOf(host.cryptoJob(name, ...values.map(crossing))) as Outcome;

const operationError = (cause: unknown): unknown => {
  const DOMException = perContext['DOMException'] as new (message: string, options: object) => Error;
  return new DOMException('The operation failed for an operation-specific reason', {
    name: 'OperationError',
    cause,
  });
};

abstract class Job extends AsyncWrap {
  readonly #mode: number;
  #outcome: Outcome | undefined;
  ondone: Callback | undefined;

  constructor(provider: string, mode: number) {
    super(provider);
    this.#mode = mode;
  }

  protected get isWebCrypto(): boolean {
    return this.#mode === WEB_CRYPTO;
  }

  protected set outcome(outcome: Outcome) {
    this.#outcome = outcome;
  }

  run(): unknown {
    if (this.#mode === ASYNC) {
      this.#later(() => this.ondone!(...this.#outcome!));
      return undefined;
    }
    return this.isWebCrypto ? this.#promise() : this.#outcome;
  }

  #later(action: () => void): void {
    defer(() => this.makeCallback(action));
  }

  #promise(): Promise<unknown> {
    const [error, result] = this.#outcome!;
    return new Promise((resolve, reject) => {
      this.#later(() => {
        if (error === undefined) resolve(result);
        else reject(operationError(error));
      });
    });
  }
}

type JobConstructor = new (mode: number, ...values: readonly unknown[]) => Job;

/** @param webCrypto - what Web Crypto has of the result */
const computing = (
  name: string,
  provider: string,
  webCrypto: (result: unknown) => unknown = (result) => result,
): JobConstructor =>
  class extends Job {
    constructor(mode: number, ...values: readonly unknown[]) {
      super(provider, mode);
      const [error, result] = run(name, values);
      this.outcome = [error, this.isWebCrypto && error === undefined ? webCrypto(result) : result];
    }
  };

const arrayBufferOf = (bytes: unknown): unknown => (bytes as Uint8Array).buffer;
const encapsulated = (result: unknown): object => {
  const [sharedKey, ciphertext] = result as readonly unknown[];
  return { sharedKey: arrayBufferOf(sharedKey), ciphertext: arrayBufferOf(ciphertext) };
};

/** How keys of a pair are written where nothing is said of it. */
const AS_HANDLES = [undefined, undefined, undefined, undefined, undefined, undefined];

type CryptoKeyOf = (handle: unknown, usages: unknown, extractable: unknown) => object;

/**
 * Web Crypto makes keys of its own of what was generated, with the arguments that come after those of the job.
 * @param count - the arguments of the job itself
 * @param defaults - for those of them that Web Crypto leaves out
 */
const generating = (
  name: string,
  provider: string,
  count: number,
  defaults: readonly unknown[] = [],
): JobConstructor =>
  class extends Job {
    constructor(mode: number, ...values: readonly unknown[]) {
      super(provider, mode);
      if (!this.isWebCrypto) {
        this.outcome = run(name, values);
        return;
      }
      const given = values.slice(0, count).map((value, index) => value ?? defaults[index]);
      const [algorithm, ...rest] = values.slice(count);
      const isPair = rest.length === 3;
      const [error, result] = run(name, isPair ? [...given, ...AS_HANDLES] : given);
      const keyOf: CryptoKeyOf = (handle, usages, extractable) =>
        newCryptoKey(
          handle as KeyObjectHandle,
          algorithm as object,
          usages as number,
          extractable as boolean,
        );
      this.outcome = [error, error === undefined ? webCryptoKeys(result, rest, keyOf) : undefined];
    }
  };

const webCryptoKeys = (result: unknown, rest: readonly unknown[], keyOf: CryptoKeyOf): object => {
  if (rest.length === 2) return keyOf(result, rest[0], rest[1]);
  const [publicHandle, privateHandle] = result as readonly unknown[];
  return {
    publicKey: keyOf(publicHandle, rest[0], true),
    privateKey: keyOf(privateHandle, rest[1], rest[2]),
  };
};

/** Fills the bytes where they are. */
class RandomBytesJob extends Job {
  constructor(mode: number, into: ArrayBuffer | ArrayBufferView, offset: number, size: number) {
    super('RANDOMBYTESREQUEST', mode);
    const bytes = bytesOf(into);
    host.randomFill(new Uint8Array(bytes.buffer, bytes.byteOffset + offset, size));
    this.outcome = [undefined, undefined];
  }
}

/** OPENSSL_EC_NAMED_CURVE. */
const NAMED_CURVE = 1;

export const jobs: Binding = {
  AESCipherJob: computing('AESCipherJob', 'CIPHERREQUEST'),
  Argon2Job: computing('Argon2Job', 'DERIVEBITSREQUEST'),
  CShakeJob: computing('CShakeJob', 'HASHREQUEST'),
  ChaCha20Poly1305CipherJob: computing('ChaCha20Poly1305CipherJob', 'CIPHERREQUEST'),
  CheckPrimeJob: computing('CheckPrimeJob', 'CHECKPRIMEREQUEST'),
  DHBitsJob: computing('DHBitsJob', 'DERIVEBITSREQUEST'),
  DhKeyPairGenJob: generating('DhKeyPairGenJob', 'KEYPAIRGENREQUEST', 2),
  DsaKeyPairGenJob: generating('DsaKeyPairGenJob', 'KEYPAIRGENREQUEST', 2),
  EcKeyPairGenJob: generating('EcKeyPairGenJob', 'KEYPAIRGENREQUEST', 2, [undefined, NAMED_CURVE]),
  HKDFJob: computing('HKDFJob', 'DERIVEBITSREQUEST'),
  HashJob: computing('HashJob', 'HASHREQUEST'),
  HmacJob: computing('HmacJob', 'SIGNREQUEST'),
  KEMDecapsulateJob: computing('KEMDecapsulateJob', 'DERIVEBITSREQUEST', arrayBufferOf),
  KEMEncapsulateJob: computing('KEMEncapsulateJob', 'DERIVEBITSREQUEST', encapsulated),
  KangarooTwelveJob: computing('KangarooTwelveJob', 'HASHREQUEST'),
  KmacJob: computing('KmacJob', 'SIGNREQUEST'),
  NamedKeyPairGenJob: generating('NamedKeyPairGenJob', 'KEYPAIRGENREQUEST', 1),
  PBKDF2Job: computing('PBKDF2Job', 'PBKDF2REQUEST'),
  RSACipherJob: computing('RSACipherJob', 'CIPHERREQUEST'),
  RandomBytesJob,
  RandomPrimeJob: computing('RandomPrimeJob', 'RANDOMPRIMEREQUEST'),
  RsaKeyPairGenJob: generating('RsaKeyPairGenJob', 'KEYPAIRGENREQUEST', 3),
  ScryptJob: computing('ScryptJob', 'SCRYPTREQUEST'),
  SecretKeyGenJob: generating('SecretKeyGenJob', 'KEYGENREQUEST', 1),
  SignJob: computing('SignJob', 'SIGNREQUEST'),
  TurboShakeJob: computing('TurboShakeJob', 'HASHREQUEST'),
};
