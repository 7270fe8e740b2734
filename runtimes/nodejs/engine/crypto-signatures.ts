/**
 * All of `internalBinding('crypto')` that the guest can reach, with what each function takes (see signature.ts).
 * What is not here does not exist for it: engines and providers of OpenSSL, the FIPS mode, the secure heap, and the
 * engine's certificate files. Connections of TLS are in tls-functions.ts.
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
  privateDecrypt: ['PRIVATE bytes int text? bytes? text?'],
  privateEncrypt: ['PRIVATE bytes int text? bytes? text?'],
  publicDecrypt: ['KEY bytes int text? bytes? text?'],
  publicEncrypt: ['KEY bytes int text? bytes? text?'],
  timingSafeEqual: ['bytes bytes'],
};

/** Kinds of keys that have no parameters. */
const NAMED_KEYS = [
  'Ed25519',
  'Ed448',
  'X25519',
  'X448',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
  'ML-KEM-512',
  'ML-KEM-768',
  'ML-KEM-1024',
  'SLH-DSA-SHA2-128f',
  'SLH-DSA-SHA2-128s',
  'SLH-DSA-SHA2-192f',
  'SLH-DSA-SHA2-192s',
  'SLH-DSA-SHA2-256f',
  'SLH-DSA-SHA2-256s',
  'SLH-DSA-SHAKE-128f',
  'SLH-DSA-SHAKE-128s',
  'SLH-DSA-SHAKE-192f',
  'SLH-DSA-SHAKE-192s',
  'SLH-DSA-SHAKE-256f',
  'SLH-DSA-SHAKE-256s',
];

interface NativeClass {
  /** The method that takes what the object is made of, where it is not the constructor. */
  readonly madeBy?: string;
  readonly made: Signatures;
  /** Bytes of an object, where it is much more than what it is made of. */
  readonly size?: number;
  /** Whether it keeps what its methods are given. */
  readonly keeps?: boolean;
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
    made: ['boolean text secret bytes|null -1|uint text? text?'],
    methods: {
      update: ['data text?'],
      final: [''],
      setAutoPadding: ['boolean'],
      getAuthTag: [''],
      setAuthTag: ['bytes'],
      setAAD: ['bytes -1|natural'],
    },
  },
  DiffieHellman: { made: ['int|bytes int|bytes'], methods: DIFFIE_HELLMAN },
  DiffieHellmanGroup: { made: ['text'], methods: DIFFIE_HELLMAN },
  ECDH: {
    made: ['text'],
    methods: {
      generateKeys: [''],
      computeSecret: ['bytes'],
      getPublicKey: ['uint'],
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
    made: ['0-0 bytes', '0-0 JWK', '1-1 KEY', '2-2 PRIVATE'],
    methods: {
      getKeyType: [''],
      getSymmetricKeySize: [''],
      getAsymmetricKeyType: [''],
      checkEcKeyData: [''],
      export: ['', '0-1 0-3', '0-1 0-3 none none', '0-1 0-3 text bytes'],
      exportJwk: ['boolean'],
      keyDetail: [''],
      rawPublicKey: [''],
      rawPrivateKey: [''],
      rawSeed: [''],
      exportECPublicRaw: ['uint'],
      exportECPrivateRaw: [''],
      equals: ['<KeyObjectHandle>'],
    },
  },
  Mac: {
    made: ['text secret text? text? bytes? bytes? bytes? size?'],
    methods: { update: ['data text?'], final: ['text?'] },
  },
  SecureContext: {
    madeBy: 'init',
    // tls1.h: TLS1_VERSION to TLS1_3_VERSION.
    made: ['text|none 769-772 769-772'],
    size: 65_536,
    keeps: true,
    methods: {
      setKey: ['data text|none'],
      setCert: ['data'],
      addCACert: ['data'],
      setAllowPartialTrustChain: [''],
      addCRL: ['data'],
      addRootCerts: [''],
      setCipherSuites: ['text'],
      setCiphers: ['text'],
      setSigalgs: ['text'],
      setECDHCurve: ['text'],
      setDHParam: ['boolean|data'],
      setMaxProto: ['769-772'],
      setMinProto: ['769-772'],
      getMaxProto: [''],
      getMinProto: [''],
      setOptions: ['int|number'],
      setSessionIdContext: ['text'],
      setSessionTimeout: ['natural'],
      setCertificateCompression: ['compression'],
      loadPKCS12: ['bytes bytes?'],
      setTicketKeys: ['bytes48'],
      getTicketKeys: [''],
      getCertificate: [''],
      getIssuer: [''],
    },
  },
  Sign: {
    madeBy: 'init',
    made: ['text'],
    methods: { update: ['data text?'], sign: ['PRIVATE int? int? 0-1'] },
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
      checkHost: ['text uint'],
      checkEmail: ['text uint'],
      checkIP: ['text uint'],
      checkIssued: ['<X509Certificate>'],
      checkPrivateKey: ['privateKey'],
      verify: ['publicKey'],
    },
  },
};

/** Jobs, without the mode that stands before: they are always run at once. */
export const JOBS: Readonly<Record<string, Signatures>> = {
  // CTR, CBC, GCM, KW and OCB, each for three lengths of keys.
  AESCipherJob: [
    '0-1 secretKey bytes 0-2 bytes natural',
    '0-1 secretKey bytes 3-5 bytes',
    '0-1 secretKey bytes 6-8 bytes natural bytes?',
    '0-1 secretKey bytes 9-11',
    '0-1 secretKey bytes 12-14 bytes natural bytes?',
  ],
  Argon2Job: ['secret bytes uint size uint uint bytes bytes 0-2'],
  CShakeJob: ["'cSHAKE128'|'cSHAKE256' bytes bytes? bytes? some"],
  ChaCha20Poly1305CipherJob: ['0-1 secretKey bytes bytes bytes?'],
  CheckPrimeJob: ['bytes natural'],
  DHBitsJob: ['KEY PRIVATE'],
  DhKeyPairGenJob: ['text ENCODING', 'bytes|modulus int ENCODING'],
  DsaKeyPairGenJob: ['modulus -1|natural ENCODING'],
  EcKeyPairGenJob: ['text 0-1 ENCODING'],
  HKDFJob: ['text secret bytes bytes size'],
  HashJob: ['text bytes size?'],
  HmacJob: ['0-1 text secretKey bytes bytes?'],
  KEMDecapsulateJob: ['PRIVATE bytes'],
  KEMEncapsulateJob: ['KEY'],
  KangarooTwelveJob: ["'KT128'|'KT256' bytes? some bytes"],
  KmacJob: ["0-1 secretKey 'KMAC128'|'KMAC256' bytes? uint size bytes bytes?"],
  NamedKeyPairGenJob: [`${NAMED_KEYS.map((name) => `'${name}'`).join('|')} ENCODING`],
  PBKDF2Job: ['secret bytes int size text'],
  RSACipherJob: ['0-0 publicKey bytes 0-2 text bytes?', '1-1 privateKey bytes 0-2 text bytes?'],
  RandomPrimeJob: ['bits boolean bytes? bytes?'],
  RsaKeyPairGenJob: ['0-0 modulus uint ENCODING', '1-1 modulus uint text? text? int? ENCODING'],
  ScryptJob: ['bytes bytes uint uint uint number size'],
  SecretKeyGenJob: ['size'],
  SignJob: [
    '0-0 PRIVATE bytes text|null? int? int? 0-1? bytes? bytes?',
    '1-1 KEY bytes text|null? int? int? 0-1? bytes? bytes',
  ],
  TurboShakeJob: ["'TurboSHAKE128'|'TurboSHAKE256' 1-127 some bytes"],
};
