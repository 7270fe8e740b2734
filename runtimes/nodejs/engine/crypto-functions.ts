/**
 * The engine's half of `internalBinding('crypto')`: the guest's calls are made on the binding of the engine's own
 * Node, once their arguments are known to be what the binding expects.
 */
import { createRequire } from 'node:module';
import type { BackgroundHost, NativeJob } from './background-jobs.ts';
import { BackgroundJobs } from './background-jobs.ts';
import type { HostFunction } from './bridge.ts';
import { CLASSES, FUNCTIONS, JOBS } from './crypto-signatures.ts';
import { engineBinding } from './engine-binding.ts';
import { answer, answerOf } from './native-answers.ts';
import type { Keep } from './native-answers.ts';
import type { NativeObjects } from './native-objects.ts';
import { Signature } from './signature.ts';
import type { Crossing } from './values.ts';

type Native = (...values: unknown[]) => unknown;
type NativeConstructor = new (...values: unknown[]) => Record<string, Native>;

const binding = engineBinding('crypto') as {
  [name: string]: unknown;
  getFipsCrypto(): number;
  getCachedAliases(): Record<string, number>;
  getCachedMacAliases(): Record<string, number>;
  readonly kCryptoJobAsync: number;
  readonly kCryptoJobSync: number;
};
let certificateClass: NativeConstructor | undefined;
/** The binding gives it only to Node's library, which derives its own class from it, and is loaded when it is needed. */
const x509Certificate = (): NativeConstructor => {
  if (certificateClass === undefined) {
    const { InternalX509Certificate } = createRequire(import.meta.url)('internal/crypto/x509') as {
      InternalX509Certificate: NativeConstructor;
    };
    certificateClass = Object.getPrototypeOf(InternalX509Certificate) as NativeConstructor;
  }
  return certificateClass;
};
const KeyObjectHandle = binding['KeyObjectHandle'] as NativeConstructor;

/** crypto_keys.h, enum KeyType. */
const SECRET = 0;
const PRIVATE = 2;

/** By what the binding knows algorithms it has met; the guest has no part in it. */
const hashAliases = binding.getCachedAliases();
const macAliases = binding.getCachedMacAliases();

const constructorOf = (name: string): NativeConstructor =>
  name === 'X509Certificate' ? x509Certificate() : (binding[name] as NativeConstructor);

type Compiled = ReadonlyMap<string, readonly Signature[]>;

const compile = (table: Readonly<Record<string, readonly string[]>>): Compiled =>
  new Map(Object.entries(table).map(([name, texts]) => [name, texts.map((text) => new Signature(text))]));

const functions = compile(FUNCTIONS);
const jobs = compile(JOBS);
const made = compile(Object.fromEntries(Object.entries(CLASSES).map(([name, each]) => [name, each.made])));
const methods = new Map(Object.entries(CLASSES).map(([name, each]) => [name, compile(each.methods)]));

/** What some native functions want besides, of which the guest knows nothing. */
const COMPLETED: Readonly<Record<string, (values: unknown[]) => unknown[]>> = {
  Hash: ([algorithm, size, ...others]) => [
    algorithm,
    size,
    hashAliases[algorithm as string] ?? -1,
    hashAliases,
    ...others,
  ],
  Mac: ([algorithm, ...others]) => [algorithm, macAliases[algorithm as string] ?? -1, macAliases, ...others],
  // They fill in an object they are given.
  exportJwk: ([handleRsaPss]) => [{}, handleRsaPss],
  keyDetail: () => [{}],
};

/** Bytes of scratch memory a job takes, by its arguments. */
const WORKING_MEMORY: Readonly<Record<string, (values: readonly unknown[]) => number>> = {
  // In KiB (RFC 9106, section 3.1).
  Argon2Job: (values) => (values[4] as number) * 1024,
  // RFC 7914, section 6: V takes 128 * r * N, B takes 128 * r * p.
  ScryptJob: (values) =>
    Math.min(
      values[5] as number,
      128 * (values[3] as number) * ((values[2] as number) + (values[4] as number)),
    ),
};

/** What methods of keys are for, by type and arguments; the binding ends the engine where it is something else. */
const FOR_TYPE: Readonly<Record<string, (type: unknown, given: readonly unknown[]) => boolean>> = {
  getSymmetricKeySize: (type) => type === SECRET,
  rawPrivateKey: (type) => type === PRIVATE,
  rawSeed: (type) => type === PRIVATE,
  exportECPrivateRaw: (type) => type === PRIVATE,
  getAsymmetricKeyType: (type) => type !== SECRET,
  checkEcKeyData: (type) => type !== SECRET,
  rawPublicKey: (type) => type !== SECRET,
  exportECPublicRaw: (type) => type !== SECRET,
  // Nothing, format and type, or cipher and passphrase besides.
  export: (type, given) => given.length === 2 * (type as number),
  equals: (type, [other]) => (other as Record<string, Native>)['getKeyType']!() === type,
};
const isForType = (method: string, type: unknown, given: readonly unknown[]): boolean =>
  FOR_TYPE[method]?.(type, given) ?? true;

/**
 * After these a context has a store of its own. Node remembers where it is, also when the context gets the common one
 * instead: that has to come first, as it does in the library.
 */
const OWN_STORE: ReadonlySet<string> = new Set([
  'addCACert',
  'addCRL',
  'loadPKCS12',
  'setAllowPartialTrustChain',
]);
const withOwnStore = new WeakSet();

const checkStore = (context: object, method: string): void => {
  if (OWN_STORE.has(method)) withOwnStore.add(context);
  if (method === 'addRootCerts' && withOwnStore.has(context)) {
    throw new TypeError('A context that has certificates of its own gets no others');
  }
};

const memoryOf = (name: string, values: readonly unknown[]): number => WORKING_MEMORY[name]?.(values) ?? 0;

const jobClass = (name: string) => binding[name] as new (...values: unknown[]) => NativeJob;

const sizeOf = (values: readonly Crossing[]): number => {
  let size = 0;
  for (const value of values) if (value instanceof Uint8Array) size += value.length;
  return size;
};

/** Bytes that OpenSSL makes of a character of PEM: a certificate, its key and its extensions as objects. */
const PARSED = 8;

/** About what is made of texts and bytes that are kept. */
const keptSize = (values: readonly Crossing[]): number => {
  let size = sizeOf(values);
  for (const value of values) if (typeof value === 'string') size += value.length;
  return size * PARSED;
};

/** Gives numbers to keys and certificates that come out of the binding. */
export const keepNative =
  (objects: NativeObjects): Keep =>
  (object) => {
    for (const name of ['KeyObjectHandle', 'X509Certificate']) {
      if (!(object instanceof constructorOf(name))) continue;
      objects.reserve(0);
      return [name, objects.add(name, object)];
    }
    return undefined;
  };

/** Calls of the guest on the engine's own binding. */
class CryptoCalls {
  readonly #objects: NativeObjects;

  constructor(objects: NativeObjects) {
    this.#objects = objects;
  }

  call(name: string, values: readonly Crossing[]): unknown {
    return (binding[name] as Native)(...this.#checked(functions.get(name), name, values));
  }

  /** The number of a new object, and what the method said that made it. */
  make(name: string, values: readonly Crossing[]): unknown {
    const given = this.#checked(made.get(name), name, values);
    const { madeBy, size: usual = 0 } = CLASSES[name]!;
    const size = usual + sizeOf(values);
    this.#objects.reserve(size);
    const Constructor = constructorOf(name);
    const completed = COMPLETED[name]?.(given) ?? given;
    const object = madeBy === undefined ? new Constructor(...completed) : new Constructor();
    const said = madeBy === undefined ? object['verifyError'] : object[madeBy]!(...completed);
    return [this.#objects.add(name, object, size), said];
  }

  method(number: number, name: string, values: readonly Crossing[]): unknown {
    const { className, object } = this.#objects.get(number);
    const given = this.#checked(methods.get(className)?.get(name), `${className}.${name}`, values);
    if (object instanceof KeyObjectHandle && !isForType(name, object['getKeyType']!(), given)) {
      throw new TypeError(`A key of this type has no ${name}`);
    }
    if (className === 'SecureContext') checkStore(object, name);
    if (CLASSES[className]!.keeps === true) this.#objects.grow(number, keptSize(values));
    const completed = COMPLETED[name]?.(given) ?? given;
    const native = constructorOf(className).prototype as Record<string, Native>;
    return native[name]!.apply(object, completed);
  }

  /** Error and result. */
  job(name: string, values: readonly Crossing[]): unknown {
    const given = this.#checked(jobs.get(name), name, values);
    this.#objects.reserve(memoryOf(name, given));
    // Forgets what OpenSSL was dissatisfied with before: jobs take any error there is for one of theirs, and some end
    // the engine where they succeed with one. In Node they mostly run in a thread that has errors of its own.
    binding.getFipsCrypto();
    return new (jobClass(name))(binding.kCryptoJobSync, ...given).run();
  }

  start(number: number, name: string, values: readonly Crossing[], background: BackgroundJobs): void {
    const given = this.#checked(jobs.get(name), name, values);
    const job = new (jobClass(name))(binding.kCryptoJobAsync, ...given);
    background.start(number, job, memoryOf(name, given));
  }

  #checked(
    signatures: readonly Signature[] | undefined,
    name: string,
    values: readonly Crossing[],
  ): unknown[] {
    for (const signature of signatures ?? []) {
      const given = signature.convert(values, this.#objects);
      if (given !== undefined) return given;
    }
    throw Object.assign(new TypeError(`Arguments of crypto's ${name} are not acceptable`), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  }
}

/** What the functions need of the world around. */
export interface CryptoHost extends Omit<BackgroundHost, 'done'> {
  /** A job has ended: its error and its result. */
  done(number: number, outcome: Crossing): void;
}

export const cryptoFunctions = (
  objects: NativeObjects,
  host: CryptoHost,
): Readonly<Record<string, HostFunction>> => {
  const calls = new CryptoCalls(objects);
  const keep = keepNative(objects);
  const background = new BackgroundJobs(objects, {
    hold: () => host.hold(),
    done: (number, error, result) => host.done(number, answerOf([error, result], keep)),
  });
  return {
    cryptoCall: (name: string, ...values: Crossing[]) => answer(() => calls.call(name, values), keep),
    cryptoMake: (name: string, ...values: Crossing[]) => answer(() => calls.make(name, values), keep),
    cryptoMethod: (number: number, name: string, ...values: Crossing[]) =>
      answer(() => calls.method(number, name, values), keep),
    cryptoJob: (name: string, ...values: Crossing[]) => answer(() => calls.job(name, values), keep),
    cryptoStart: (number: number, name: string, ...values: Crossing[]) =>
      answer(() => calls.start(number, name, values, background), keep),
    freeNative: (number: number) => {
      objects.delete(number);
    },
  };
};
