/**
 * All of `internalBinding('crypto')` that the guest can reach, with what each function takes (see signature.ts).
 * What is not here does not exist for it: engines and providers of OpenSSL, the FIPS mode, the secure heap, the
 * engine's certificate files, and the objects that do TLS.
 */

/** Different ways to call one function. */
type Signatures = readonly string[];

/** Pure functions. */
export const FUNCTIONS: Readonly<Record<string, Signatures>> = {
  ECDHConvertKey: ['bytes text uint'],
  certExportChallenge: ['bytes'],
  certExportPublicKey: ['bytes'],
  certVerifySpkac: ['bytes'],
  getCertificateCompressionAlgorithms: [''],
  getBundledRootCertificates: [''],
  getCipherInfo: ['text|int uint? uint?'],
  getCiphers: [''],
  getCurves: [''],
  getHashes: [''],
  getMacs: [''],
  getOpenSSLSecLevelCrypto: [''],
  getPqcKeyTypes: [''],
  getSSLCiphers: [''],
  parsePKCS12: ['bytes bytes?'],
  privateDecrypt: ['KEY bytes int text? bytes? text?'],
  privateEncrypt: ['KEY bytes int text? bytes? text?'],
  publicDecrypt: ['KEY bytes int text? bytes? text?'],
  publicEncrypt: ['KEY bytes int text? bytes? text?'],
  timingSafeEqual: ['bytes bytes'],
};

interface NativeClass {
  /** The method that takes what the object is made of, where it is not the constructor. */
  readonly madeBy?: string;
  readonly made: Signatures;
  readonly methods: Readonly<Record<string, Signatures>>;
}

const DIFFIE_HELLMAN: NativeClass['methods'] = {
  generateKeys: [''],
  computeSecret: ['bytes'],
  getPrime: [''],
  getGenerator: [''],
  getPublicKey: [''],
  getPrivateKey: [''],
  setPublicKey: ['bytes'],
  setPrivateKey: ['bytes'],
};

const CERTIFICATE_TEXTS = [
  'subject',
  'subjectAltName',
  'issuer',
  'infoAccess',
  'validFrom',
  'validTo',
  'validFromDate',
  'validToDate',
  'fingerprint',
  'fingerprint256',
  'fingerprint512',
  'keyUsage',
  'serialNumber',
  'signatureAlgorithm',
  'signatureAlgorithmOid',
  'raw',
  'publicKey',
  'pem',
  'checkCA',
  'toLegacy',
  'getIssuerCert',
];

/** Classes and what of their prototypes the guest may call. Hash and Mac are made in crypto-functions.ts. */
export const CLASSES: Readonly<Record<string, NativeClass>> = {
  CipherBase: {
    made: ['boolean text secret bytes? int text? text?'],
    methods: {
      update: ['data text?'],
      final: [''],
      setAutoPadding: ['boolean'],
      getAuthTag: [''],
      setAuthTag: ['bytes'],
      setAAD: ['bytes int'],
    },
  },
  DiffieHellman: { made: ['int|bytes int|bytes'], methods: DIFFIE_HELLMAN },
  DiffieHellmanGroup: { made: ['text'], methods: DIFFIE_HELLMAN },
  ECDH: {
    made: ['text'],
    methods: {
      generateKeys: [''],
      computeSecret: ['bytes'],
      getPublicKey: ['int'],
      getPrivateKey: [''],
      setPublicKey: ['bytes'],
      setPrivateKey: ['bytes'],
    },
  },
  Hash: {
    made: ['text|<Hash> size? bytes? bytes?'],
    methods: { update: ['data text?'], digest: ['text?'] },
  },
  Hmac: { madeBy: 'init', made: ['text secret'], methods: { update: ['data text?'], digest: ['text?'] } },
  KeyObjectHandle: {
    madeBy: 'init',
    made: ['0-0 bytes', '0-0 JWK', '1-2 KEY'],
    methods: {
      getKeyType: [''],
      getSymmetricKeySize: [''],
      getAsymmetricKeyType: [''],
      checkEcKeyData: [''],
      export: ['', '0-1 0-3', '0-1 0-3 text? bytes?'],
      exportJwk: ['boolean'],
      keyDetail: [''],
      rawPublicKey: [''],
      rawPrivateKey: [''],
      rawSeed: [''],
      exportECPublicRaw: ['int'],
      exportECPrivateRaw: [''],
      equals: ['<KeyObjectHandle>'],
    },
  },
  Mac: {
    made: ['text secret text? text? bytes? bytes? bytes? size?'],
    methods: { update: ['data text?'], final: ['text?'] },
  },
  Sign: {
    madeBy: 'init',
    made: ['text'],
    methods: { update: ['data text?'], sign: ['KEY int? int? 0-1'] },
  },
  Verify: {
    madeBy: 'init',
    made: ['text'],
    methods: { update: ['data text?'], verify: ['KEY bytes int? int? 0-1'] },
  },
  X509Certificate: {
    made: ['bytes'],
    methods: {
      ...Object.fromEntries(CERTIFICATE_TEXTS.map((name) => [name, ['']])),
      checkHost: ['text int'],
      checkEmail: ['text int'],
      checkIP: ['text int'],
      checkIssued: ['<X509Certificate>'],
      checkPrivateKey: ['<KeyObjectHandle>'],
      verify: ['<KeyObjectHandle>'],
    },
  },
};

/** Jobs, without the mode that stands before: they are always run at once. */
export const JOBS: Readonly<Record<string, Signatures>> = {
  AESCipherJob: ['0-1 secret bytes 0-14 bytes? uint? bytes?'],
  Argon2Job: ['secret bytes uint size uint uint bytes bytes 0-2'],
  CShakeJob: ['text bytes bytes? bytes? size'],
  ChaCha20Poly1305CipherJob: ['0-1 secret bytes bytes bytes?'],
  CheckPrimeJob: ['bytes int'],
  DHBitsJob: ['KEY KEY'],
  DhKeyPairGenJob: ['text ENCODING', 'bytes|modulus int ENCODING'],
  DsaKeyPairGenJob: ['modulus int ENCODING'],
  EcKeyPairGenJob: ['text 0-1 ENCODING'],
  HKDFJob: ['text secret bytes bytes size'],
  HashJob: ['text bytes size?'],
  HmacJob: ['0-1 text secret bytes bytes?'],
  KEMDecapsulateJob: ['KEY bytes'],
  KEMEncapsulateJob: ['KEY'],
  KangarooTwelveJob: ['text bytes? size bytes'],
  KmacJob: ['0-1 secret text bytes? uint size? bytes bytes?'],
  NamedKeyPairGenJob: ['text ENCODING'],
  PBKDF2Job: ['secret bytes int size text'],
  RSACipherJob: ['0-1 <KeyObjectHandle> bytes 0-2 text bytes?'],
  RandomPrimeJob: ['modulus boolean bytes? bytes?'],
  RsaKeyPairGenJob: ['0-0 modulus uint ENCODING', '1-1 modulus uint text? text? int? ENCODING'],
  ScryptJob: ['bytes bytes uint uint uint number size'],
  SecretKeyGenJob: ['size'],
  SignJob: ['0-1 KEY bytes text? int? int? 0-1? bytes? bytes?'],
  TurboShakeJob: ['text uint size bytes'],
};
