'use strict';
/** Keys and certificates: operations of node:crypto that give the same every time. */
const crypto = require('node:crypto');
const { promisify } = require('node:util');
const { data, keys, run } = require('./cases.cjs');

const cases = {};

const {
  rsaPublic,
  rsaPrivate,
  ecPublic,
  ecPrivate,
  edPublic,
  edPrivate,
  xPublic,
  xPrivate,
  certificate,
  dsaPrivate,
  dsaPublic,
} = keys;
for (const [name, pem] of Object.entries({ rsaPublic, ecPublic, edPublic, xPublic, dsaPublic })) {
  const key = () => crypto.createPublicKey(pem);
  cases[name] = () => [
    key().type,
    key().asymmetricKeyType,
    key().asymmetricKeyDetails,
    key().export({ type: 'spki', format: 'pem' }),
    key().export({ type: 'spki', format: 'der' }),
  ];
  cases[`${name} as jwk`] = () => key().export({ format: 'jwk' });
  cases[`${name} from jwk`] = () =>
    crypto.createPublicKey({ key: key().export({ format: 'jwk' }), format: 'jwk' }).equals(key());
  cases[`${name} raw`] = () => key().export({ format: 'raw-public' });
  cases[`${name} pkcs1`] = () => key().export({ format: 'pem', type: 'pkcs1' });
}
for (const [name, pem] of Object.entries({ rsaPrivate, ecPrivate, edPrivate, xPrivate, dsaPrivate })) {
  const key = () => crypto.createPrivateKey(pem);
  cases[name] = () => [
    key().type,
    key().asymmetricKeyType,
    key().asymmetricKeyDetails,
    key().export({ type: 'pkcs8', format: 'pem' }),
  ];
  cases[`${name} as jwk`] = () => key().export({ format: 'jwk' });
  cases[`${name} from jwk`] = () =>
    crypto.createPrivateKey({ key: key().export({ format: 'jwk' }), format: 'jwk' }).equals(key());
  cases[`${name}'s public key`] = () => crypto.createPublicKey(key()).export({ type: 'spki', format: 'pem' });
  cases[`${name} encrypted`] = () =>
    crypto
      .createPrivateKey({
        key: key().export({ type: 'pkcs8', format: 'der', cipher: 'aes-128-cbc', passphrase: 'p' }),
        format: 'der',
        type: 'pkcs8',
        passphrase: 'p',
      })
      .equals(key());
  cases[`${name} with no such cipher`] = () =>
    key().export({ type: 'pkcs8', format: 'pem', cipher: 'nothing', passphrase: 'p' });
  cases[`${name} raw`] = () => key().export({ format: 'raw-private' });
  cases[`${name} sec1`] = () => key().export({ format: 'pem', type: 'sec1' });
}
Object.assign(cases, {
  'secret key': () => {
    const key = crypto.createSecretKey('abc', 'utf8');
    return [
      key.type,
      key.symmetricKeySize,
      key.export(),
      key.export({ format: 'jwk' }),
      key.equals(crypto.createSecretKey(Buffer.from('abc'))),
    ];
  },
  'key: nonsense': () => crypto.createPublicKey('nonsense'),
  'key: nothing': () => crypto.createPrivateKey(''),
  'key: damaged der': () =>
    crypto.createPrivateKey({ key: Buffer.alloc(20, 3), format: 'der', type: 'pkcs8' }),
  'key: incomplete jwk': () => crypto.createPublicKey({ key: { kty: 'RSA', n: 'abc' }, format: 'jwk' }),
  'key: jwk of numbers': () =>
    crypto.createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: 5, y: 6 }, format: 'jwk' }),
  'key: jwk of no kind': () => crypto.createPublicKey({ key: { kty: 'nothing' }, format: 'jwk' }),
  'key: raw': () =>
    crypto
      .createPublicKey({ key: Buffer.alloc(32, 9), format: 'raw-public', asymmetricKeyType: 'ed25519' })
      .export({ format: 'jwk' }),
  'key: raw of a curve': () =>
    crypto
      .createPublicKey({
        key: crypto.createPublicKey(ecPublic).export({ format: 'raw-public' }),
        format: 'raw-public',
        asymmetricKeyType: 'ec',
        namedCurve: 'prime256v1',
      })
      .export({ format: 'jwk' }),
  'key: of a certificate': () => crypto.createPublicKey(certificate).asymmetricKeyType,
  'key: instanceof': () => crypto.createSecretKey(data) instanceof crypto.KeyObject,
  'generate a secret key': () => [
    crypto.generateKeySync('hmac', { length: 64 }).symmetricKeySize,
    crypto.generateKeySync('aes', { length: 256 }).symmetricKeySize,
  ],
  'generate a secret key later': async () =>
    (await promisify(crypto.generateKey)('aes', { length: 128 })).symmetricKeySize,
  'generate rsa': () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', {
      modulusLength: 1024,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' },
    });
    return [
      publicKey.slice(0, 26),
      privateKey.slice(0, 37),
      crypto.verify('sha1', data, publicKey, crypto.sign('sha1', data, { key: privateKey, passphrase: 'p' })),
    ];
  },
  'generate rsa-pss': () =>
    crypto.generateKeyPairSync('rsa-pss', {
      modulusLength: 1024,
      hashAlgorithm: 'sha256',
      mgf1HashAlgorithm: 'sha256',
      saltLength: 16,
    }).publicKey.asymmetricKeyDetails,
  'generate ec later': async () => {
    const { publicKey, privateKey } = await promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-384' });
    return [
      publicKey.asymmetricKeyDetails,
      privateKey.type,
      crypto.createPublicKey(privateKey).equals(publicKey),
    ];
  },
  'generate ec of no curve': () => crypto.generateKeyPairSync('ec', { namedCurve: 'nothing' }),
  'generate ed25519': () =>
    crypto.generateKeyPairSync('ed25519', {
      publicKeyEncoding: { format: 'jwk' },
      privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    }).publicKey.crv,
  'generate ml-dsa': () => crypto.generateKeyPairSync('ml-dsa-44').publicKey.asymmetricKeyType,
  'generate dh': () => crypto.generateKeyPairSync('dh', { group: 'modp14' }).publicKey.asymmetricKeyType,
  'generate nothing': () => crypto.generateKeyPairSync('nothing'),
  kem: () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ml-kem-768');
    const { sharedKey, ciphertext } = crypto.encapsulate(publicKey);
    return crypto.decapsulate(privateKey, ciphertext).equals(sharedKey);
  },
  dh: () => {
    const alice = crypto.createDiffieHellman(256);
    const bob = crypto.createDiffieHellman(alice.getPrime(), alice.getGenerator());
    alice.generateKeys();
    bob.generateKeys('hex');
    return [
      alice.computeSecret(bob.getPublicKey()).equals(bob.computeSecret(alice.getPublicKey('hex'), 'hex')),
      alice.verifyError,
      bob.verifyError,
    ];
  },
  'dh with keys': () => {
    const dh = crypto.createDiffieHellman('ffffffffffffffc5', 'hex', 2);
    dh.setPrivateKey('05', 'hex');
    return [
      dh.generateKeys('hex'),
      dh.getPrivateKey('hex'),
      dh.getPrime('hex'),
      dh.getGenerator('hex'),
      dh.verifyError,
      dh.computeSecret('07', 'hex', 'hex'),
    ];
  },
  'dh group': () => [
    crypto.getDiffieHellman('modp5').getPrime('hex'),
    crypto.getDiffieHellman('modp5').verifyError,
  ],
  'dh group: no such': () => crypto.getDiffieHellman('nothing'),
  'dh too small': () => crypto.createDiffieHellman(1),
  ecdh: () => {
    const ecdh = crypto.createECDH('secp256k1');
    ecdh.setPrivateKey('7'.repeat(64), 'hex');
    return [
      ecdh.getPublicKey('hex'),
      ecdh.getPublicKey('hex', 'compressed'),
      ecdh.computeSecret(ecdh.getPublicKey()),
      crypto.ECDH.convertKey(ecdh.getPublicKey(), 'secp256k1', undefined, 'hex', 'compressed'),
    ];
  },
  'ecdh: no such curve': () => crypto.createECDH('nothing'),
  'ecdh: wrong key': () => crypto.createECDH('secp256k1').computeSecret(Buffer.alloc(10)),
  'ecdh: wrong private key': () => crypto.createECDH('secp256k1').setPrivateKey(Buffer.alloc(10)),
});

const x509 = () => new crypto.X509Certificate(certificate);
for (const name of [
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
  'raw',
  'ca',
  'issuerCertificate',
]) {
  cases[`certificate ${name}`] = () => x509()[name];
}
Object.assign(cases, {
  certificate: () => [
    x509().toString(),
    x509().toLegacyObject(),
    x509().publicKey.asymmetricKeyType,
    JSON.stringify(x509()),
  ],
  'certificate checks': () => [
    x509().checkHost('localhost'),
    x509().checkHost('example.com'),
    x509().checkIP('127.0.0.1'),
    x509().checkEmail('a@b.c'),
    x509().checkIssued(x509()),
    x509().verify(x509().publicKey),
    x509().checkPrivateKey(crypto.createPrivateKey(rsaPrivate)),
  ],
  'certificate: nonsense': () => new crypto.X509Certificate('nonsense'),
  spkac: () => [crypto.Certificate.verifySpkac(Buffer.from('x')), crypto.Certificate.exportChallenge('x')],
});

void run(cases);
