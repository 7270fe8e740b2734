/**
 * `internalBinding('crypto')`: OpenSSL is the engine's, reached by name and number (engine/crypto-functions.ts). Pure
 * computation; nothing of the engine's files, engines or settings is within reach.
 */
import type { Binding } from '../binding-shape.ts';
import { host } from '../host.ts';
import { NativeObject, crossing, valueOf } from '../native-answers.ts';
import { certificateClasses } from './crypto-certificates.ts';
import { SecureContext } from './crypto-contexts.ts';
import { Hash, Hmac, oneShotDigest } from './crypto-digests.ts';
import { jobs } from './crypto-jobs.ts';
import { forward, keyClasses } from './crypto-keys.ts';
import { rootCertificates } from './root-certificates.ts';

const FUNCTIONS = (
  'ECDHConvertKey certExportChallenge certExportPublicKey certVerifySpkac getCertificateCompressionAlgorithms ' +
  'getBundledRootCertificates getCipherInfo getCiphers getCurves getHashes getMacs getOpenSSLSecLevelCrypto ' +
  'getPqcKeyTypes getSSLCiphers parsePKCS12 privateDecrypt privateEncrypt publicDecrypt publicEncrypt'
).split(' ');

const functions = (): Binding =>
  Object.fromEntries(
    FUNCTIONS.map((name) => [
      name,
      (...values: unknown[]) => valueOf(host.cryptoCall(name, ...values.map(crossing))),
    ]),
  );

/** Made of what its constructor takes. */
const made = (className: string, methods: string): new (...values: unknown[]) => NativeObject => {
  const Class = class extends NativeObject {
    readonly verifyError: unknown;

    constructor(...values: unknown[]) {
      super();
      const verifyError = this.make(className, values);
      if (verifyError !== undefined) this.verifyError = verifyError;
    }
  };
  forward(Class, methods.split(' '));
  return Object.defineProperty(Class, 'name', { value: className });
};

const DIFFIE_HELLMAN =
  'generateKeys computeSecret getPrime getGenerator getPublicKey getPrivateKey setPublicKey setPrivateKey';

/** Algorithm, number of it, table of numbers, the rest: the numbers are the engine's alone. */
class Mac extends NativeObject {
  constructor(algorithm: string, _id: number, _cache: object, ...values: unknown[]) {
    super();
    this.make('Mac', [algorithm, ...values]);
  }
}
forward(Mac, ['update', 'final']);

class Sign extends NativeObject {
  init(algorithm: string): void {
    this.make('Sign', [algorithm]);
  }
}
forward(Sign, ['update', 'sign']);

class Verify extends NativeObject {
  init(algorithm: string): void {
    this.make('Verify', [algorithm]);
  }
}
forward(Verify, ['update', 'verify']);

const isBytes = (value: unknown): boolean =>
  ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;

const timingSafeEqual = (a: unknown, b: unknown): boolean => {
  for (const [name, value] of [
    ['buf1', a],
    ['buf2', b],
  ] as const) {
    if (isBytes(value)) continue;
    throw Object.assign(
      new TypeError(
        `The "${name}" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`,
      ),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  return valueOf(host.cryptoCall('timingSafeEqual', crossing(a), crossing(b))) as boolean;
};

/** Settings of OpenSSL as they are for the guest. */
const SETTINGS: Binding = {
  getFipsCrypto: () => 0,
  getFipsCryptoGeneration: () => 0n,
  setFipsCrypto: () => {
    throw new Error('There is no FIPS mode in a sandbox of wasmrun');
  },
  setupFipsIndicatorChannel: () => undefined,
  testFipsCrypto: () => false,
  setEngine: undefined,
  secureHeapUsed: () => 0n,
  secureBuffer: (size: number) => new Uint8Array(size),
  // The library looks up names in them, and the engine knows the numbers.
  getCachedAliases: () => Object.create(null) as object,
  getCachedMacAliases: () => Object.create(null) as object,
};

export const createCrypto = (): Binding => ({
  ...functions(),
  ...SETTINGS,
  ...jobs,
  ...keyClasses,
  ...certificateClasses,
  ...rootCertificates,
  CipherBase: made('CipherBase', 'update final setAutoPadding getAuthTag setAuthTag setAAD'),
  DiffieHellman: made('DiffieHellman', DIFFIE_HELLMAN),
  DiffieHellmanGroup: made('DiffieHellmanGroup', DIFFIE_HELLMAN),
  ECDH: made('ECDH', 'generateKeys computeSecret getPublicKey getPrivateKey setPublicKey setPrivateKey'),
  Hash,
  Hmac,
  Mac,
  SecureContext,
  Sign,
  Verify,
  oneShotDigest,
  timingSafeEqual,
});
