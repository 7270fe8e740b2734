/**
 * The jobs of `internalBinding('crypto')` (crypto_util.h, CryptoJob): key generation, derivation, signatures, Web
 * Crypto. What takes long, and may come later, is computed by threads of the engine; the rest when it is asked for.
 */
import { AsyncWrap } from '../async-context.ts';
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { crossing, valueOf } from '../native-answers.ts';
import type { Answer } from '../native-answers.ts';
import { perContext } from '../per-context.ts';
import { bytesOf } from './buffer.ts';
import { newCryptoKey } from './crypto-keys.ts';
import type { KeyObjectHandle } from './crypto-keys.ts';
import { defer } from './timers.ts';

/** crypto_util.h, enum CryptoJobMode. */
const ASYNC = 0;
const SYNC = 1;
const WEB_CRYPTO = 2;

type Outcome = readonly [error: unknown, result?: unknown];
type Values = readonly unknown[];

/** What is different between jobs. */
interface JobKind {
  readonly name: string;
  /** As async hooks name it. */
  readonly provider: string;
  /** Whether it takes long enough for a thread. */
  readonly isSlow?: boolean;
  /** What Web Crypto's arguments are for the engine. */
  readonly values?: (given: Values) => Values;
  /** What Web Crypto has of the result. */
  readonly result?: (result: unknown, given: Values) => unknown;
}

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
  #settle: ((outcome: Outcome) => void) | undefined;
  ondone: ((...outcome: Outcome) => void) | undefined;

  constructor(provider: string, mode: number) {
    super(provider);
    this.#mode = mode;
  }

  protected get isWebCrypto(): boolean {
    return this.#mode === WEB_CRYPTO;
  }

  /** It is known what came out. */
  protected finish(outcome: Outcome): void {
    this.#outcome = outcome;
  }

  /** It has become known after `run`. */
  protected finishLater(outcome: Outcome): void {
    this.finish(outcome);
    this.#tell();
  }

  run(): unknown {
    if (this.#mode === SYNC) return this.#outcome;
    if (this.#outcome !== undefined) defer(() => this.#tell());
    if (this.#mode === ASYNC) {
      this.#settle = (outcome) => this.ondone!(...outcome);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#settle = ([error, result]) => {
        if (error === undefined) resolve(result);
        else reject(operationError(error));
      };
    });
  }

  #tell(): void {
    this.makeCallback(() => this.#settle!(this.#outcome!));
  }
}

/** Jobs that threads of the engine are at. */
const underWay = new Map<number, (outcome: Outcome) => void>();
let lastNumber = 0;

/** A thread has ended with a job. */
export const onJobDone = (number: number, answer: Answer): void => {
  const finish = underWay.get(number);
  underWay.delete(number);
  finish?.(valueOf(answer) as Outcome);
};

type JobConstructor = new (mode: number, ...values: Values) => Job;

const job = ({
  name,
  provider,
  isSlow = false,
  values = (given) => given,
  result,
}: JobKind): JobConstructor =>
  class extends Job {
    constructor(mode: number, ...given: Values) {
      super(provider, mode);
      const crossings = (this.isWebCrypto ? values(given) : given).map(crossing);
      const outcomeOf = ([error, found]: Outcome): Outcome =>
        result !== undefined && this.isWebCrypto && error === undefined
          ? [error, result(found, given)]
          : [error, found];
      if (isSlow && mode !== SYNC) {
        lastNumber += 1;
        valueOf(host.cryptoStart(lastNumber, name, ...crossings));
        underWay.set(lastNumber, (outcome) => this.finishLater(outcomeOf(outcome)));
      } else {
        this.finish(outcomeOf(valueOf(host.cryptoJob(name, ...crossings)) as Outcome));
      }
    }
  };

/** How keys of a pair are written where nothing is said of it. */
const AS_HANDLES = [undefined, undefined, undefined, undefined, undefined, undefined];

const keyOf = (handle: unknown, algorithm: unknown, usages: unknown, extractable: unknown): object =>
  newCryptoKey(handle as KeyObjectHandle, algorithm as object, usages as number, extractable as boolean);

/**
 * Web Crypto makes keys of its own of what was generated, with the arguments that come after those of the job.
 * @param count - the arguments of the job itself
 * @param defaults - for those of them that Web Crypto leaves out
 */
const generatingPair = (name: string, count: number, defaults: Values = []): JobConstructor =>
  job({
    name,
    provider: 'KEYPAIRGENREQUEST',
    isSlow: true,
    values: (given) => [
      ...given.slice(0, count).map((value, index) => value ?? defaults[index]),
      ...AS_HANDLES,
    ],
    result: (handles, given) => {
      const [publicHandle, privateHandle] = handles as Values;
      const [algorithm, publicUsages, privateUsages, extractable] = given.slice(count);
      return {
        publicKey: keyOf(publicHandle, algorithm, publicUsages, true),
        privateKey: keyOf(privateHandle, algorithm, privateUsages, extractable),
      };
    },
  });

/** Fills the bytes where they are. */
class RandomBytesJob extends Job {
  constructor(mode: number, into: ArrayBuffer | ArrayBufferView, offset: number, size: number) {
    super('RANDOMBYTESREQUEST', mode);
    const bytes = bytesOf(into);
    host.randomFill(new Uint8Array(bytes.buffer, bytes.byteOffset + offset, size));
    this.finish([undefined, undefined]);
  }
}

const arrayBufferOf = (bytes: unknown): unknown => (bytes as Uint8Array).buffer;

/** OPENSSL_EC_NAMED_CURVE. */
const NAMED_CURVE = 1;

const KINDS: readonly JobKind[] = [
  { name: 'AESCipherJob', provider: 'CIPHERREQUEST' },
  { name: 'Argon2Job', provider: 'DERIVEBITSREQUEST', isSlow: true },
  { name: 'CShakeJob', provider: 'HASHREQUEST' },
  { name: 'ChaCha20Poly1305CipherJob', provider: 'CIPHERREQUEST' },
  { name: 'CheckPrimeJob', provider: 'CHECKPRIMEREQUEST', isSlow: true },
  { name: 'DHBitsJob', provider: 'DERIVEBITSREQUEST' },
  { name: 'HKDFJob', provider: 'DERIVEBITSREQUEST' },
  { name: 'HashJob', provider: 'HASHREQUEST' },
  { name: 'HmacJob', provider: 'SIGNREQUEST' },
  { name: 'KEMDecapsulateJob', provider: 'DERIVEBITSREQUEST', result: arrayBufferOf },
  {
    name: 'KEMEncapsulateJob',
    provider: 'DERIVEBITSREQUEST',
    result: (found) => {
      const [sharedKey, ciphertext] = found as Values;
      return { sharedKey: arrayBufferOf(sharedKey), ciphertext: arrayBufferOf(ciphertext) };
    },
  },
  { name: 'KangarooTwelveJob', provider: 'HASHREQUEST' },
  { name: 'KmacJob', provider: 'SIGNREQUEST' },
  { name: 'PBKDF2Job', provider: 'PBKDF2REQUEST', isSlow: true },
  { name: 'RSACipherJob', provider: 'CIPHERREQUEST' },
  { name: 'RandomPrimeJob', provider: 'RANDOMPRIMEREQUEST', isSlow: true },
  { name: 'ScryptJob', provider: 'SCRYPTREQUEST', isSlow: true },
  {
    name: 'SecretKeyGenJob',
    provider: 'KEYGENREQUEST',
    values: ([length]) => [length],
    result: (handle, [, algorithm, usages, extractable]) => keyOf(handle, algorithm, usages, extractable),
  },
  { name: 'SignJob', provider: 'SIGNREQUEST' },
  { name: 'TurboShakeJob', provider: 'HASHREQUEST' },
];

export const jobs: Binding = {
  ...Object.fromEntries(KINDS.map((kind) => [kind.name, job(kind)])),
  DhKeyPairGenJob: generatingPair('DhKeyPairGenJob', 2),
  DsaKeyPairGenJob: generatingPair('DsaKeyPairGenJob', 2),
  EcKeyPairGenJob: generatingPair('EcKeyPairGenJob', 2, [undefined, NAMED_CURVE]),
  NamedKeyPairGenJob: generatingPair('NamedKeyPairGenJob', 1),
  RsaKeyPairGenJob: generatingPair('RsaKeyPairGenJob', 3),
  RandomBytesJob,
};
