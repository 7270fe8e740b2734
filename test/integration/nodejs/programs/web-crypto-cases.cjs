'use strict';
/** Operations of Web Crypto that give the same every time. */
const { run } = require('./cases.cjs');

const { subtle } = globalThis.crypto;
const data = new TextEncoder().encode('Fünf Boxkämpfer 🦊');
const same = (a, b) => Buffer.from(a).equals(Buffer.from(b));
const cases = {};

for (const name of ['SHA-1', 'SHA-256', 'sha-384', 'SHA-512', 'SHA3-256', 'MD5', 'nothing']) {
  cases[`digest ${name}`] = () => subtle.digest(name, data);
}
Object.assign(cases, {
  'digest of a buffer': () => subtle.digest('SHA-256', data.buffer),
  'digest of text': () => subtle.digest('SHA-256', 'text'),
  cshake: () => subtle.digest({ name: 'cSHAKE128', outputLength: 256 }, data),
  'one turn of the loop': async () => {
    const order = [];
    await Promise.all([
      subtle.digest('SHA-1', data).then(() => order.push('digest')),
      Promise.resolve().then(() => order.push('promise')),
      new Promise((resolve) => process.nextTick(resolve)).then(() => order.push('tick')),
    ]);
    return order;
  },
  random: () => crypto.getRandomValues(new Uint32Array(4)).length,
  uuid: () => crypto.randomUUID().length,
});

const symmetric = [
  [
    { name: 'AES-CBC', length: 256 },
    { name: 'AES-CBC', iv: new Uint8Array(16) },
  ],
  [
    { name: 'AES-CTR', length: 128 },
    { name: 'AES-CTR', counter: new Uint8Array(16), length: 64 },
  ],
  [
    { name: 'AES-GCM', length: 192 },
    { name: 'AES-GCM', iv: new Uint8Array(12), additionalData: data },
  ],
  [
    { name: 'AES-GCM', length: 128 },
    { name: 'AES-GCM', iv: new Uint8Array(12), tagLength: 96 },
  ],
  [
    { name: 'AES-OCB', length: 128 },
    { name: 'AES-OCB', iv: new Uint8Array(12) },
  ],
  [{ name: 'ChaCha20-Poly1305' }, { name: 'ChaCha20-Poly1305', iv: new Uint8Array(12) }],
];
for (const [algorithm, parameters] of symmetric) {
  const name = `${algorithm.name} ${algorithm.length}`;
  const format = /OCB|ChaCha/.test(name) ? 'raw-secret' : 'raw';
  const key = () =>
    subtle.importKey(format, new Uint8Array((algorithm.length ?? 256) / 8).fill(3), algorithm.name, true, [
      'encrypt',
      'decrypt',
    ]);
  cases[`${name} encrypts`] = async () => subtle.encrypt(parameters, await key(), data);
  cases[`${name} decrypts`] = async () =>
    same(
      await subtle.decrypt(parameters, await key(), await subtle.encrypt(parameters, await key(), data)),
      data,
    );
  cases[`${name} is damaged`] = async () => subtle.decrypt(parameters, await key(), new Uint8Array(5));
  cases[`${name} as JWK`] = async () => subtle.exportKey('jwk', await key());
  cases[`${name} key`] = async () => {
    const { type, extractable, algorithm, usages } = await key();
    return { type, extractable, algorithm, usages };
  };
  cases[`${name} generates`] = async () => {
    const generated = await subtle.generateKey(algorithm, false, ['encrypt']);
    return [
      generated.type,
      generated.extractable,
      generated.algorithm,
      generated.usages,
      Object.prototype.toString.call(generated),
      generated instanceof CryptoKey,
    ];
  };
}
Object.assign(cases, {
  hmac: async () => {
    const key = await subtle.importKey('raw', data, { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ]);
    const signature = await subtle.sign('HMAC', key, data);
    return [
      signature,
      await subtle.verify('HMAC', key, signature, data),
      await subtle.verify('HMAC', key, signature, data.subarray(1)),
    ];
  },
  'hmac generates': async () =>
    (await subtle.generateKey({ name: 'HMAC', hash: 'SHA-512' }, true, ['sign'])).algorithm,
  kmac: async () =>
    subtle.sign(
      { name: 'KMAC128', outputLength: 256 },
      await subtle.importKey('raw-secret', new Uint8Array(32), 'KMAC128', true, ['sign']),
      data,
    ),
  pbkdf2: async () =>
    subtle.deriveBits(
      { name: 'PBKDF2', hash: 'SHA-256', salt: data, iterations: 100 },
      await subtle.importKey('raw', data, 'PBKDF2', false, ['deriveBits']),
      256,
    ),
  hkdf: async () =>
    subtle.deriveBits(
      { name: 'HKDF', hash: 'SHA-256', salt: data, info: data },
      await subtle.importKey('raw', data, 'HKDF', false, ['deriveBits']),
      256,
    ),
  'derive a key': async () =>
    subtle.exportKey(
      'raw',
      await subtle.deriveKey(
        { name: 'PBKDF2', hash: 'SHA-512', salt: data, iterations: 10 },
        await subtle.importKey('raw', data, 'PBKDF2', false, ['deriveKey']),
        { name: 'AES-GCM', length: 256 },
        true,
        ['encrypt'],
      ),
    ),
  argon2: async () =>
    subtle.deriveBits(
      { name: 'Argon2id', nonce: new Uint8Array(16), parallelism: 1, memory: 64, passes: 1 },
      await subtle.importKey('raw-secret', data, 'Argon2id', false, ['deriveBits']),
      256,
    ),
  wrap: async () => {
    const wrapping = await subtle.importKey('raw', new Uint8Array(16), 'AES-KW', false, [
      'wrapKey',
      'unwrapKey',
    ]);
    const key = await subtle.importKey('raw', new Uint8Array(16).fill(1), 'AES-CBC', true, ['encrypt']);
    const wrapped = await subtle.wrapKey('raw', key, wrapping, 'AES-KW');
    return [
      wrapped,
      await subtle.exportKey(
        'raw',
        await subtle.unwrapKey('raw', wrapped, wrapping, 'AES-KW', 'AES-CBC', true, ['encrypt']),
      ),
    ];
  },
  'not extractable': async () =>
    subtle.exportKey('raw', await subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', false, ['encrypt'])),
  'wrong usage': async () =>
    subtle.decrypt(
      { name: 'AES-CBC', iv: new Uint8Array(16) },
      await subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', false, ['encrypt']),
      data,
    ),
  'bad key': () => subtle.importKey('raw', new Uint8Array(5), 'AES-CBC', false, ['encrypt']),
  'bad jwk': () => subtle.importKey('jwk', { kty: 'oct', k: '!' }, 'AES-CBC', false, ['encrypt']),
  'bad spki': () => subtle.importKey('spki', data, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']),
  'bad usages': () => subtle.generateKey({ name: 'AES-CBC', length: 128 }, false, ['sign']),
  supports: () =>
    typeof SubtleCrypto.supports === 'function' && [
      SubtleCrypto.supports('digest', 'SHA-256'),
      SubtleCrypto.supports('digest', 'MD5'),
    ],
});

const rsa = { modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
const signing = [
  [{ name: 'RSASSA-PKCS1-v1_5', ...rsa }, 'RSASSA-PKCS1-v1_5'],
  [
    { name: 'RSA-PSS', ...rsa },
    { name: 'RSA-PSS', saltLength: 32 },
  ],
  [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'ECDSA', hash: 'SHA-256' },
  ],
  [
    { name: 'ECDSA', namedCurve: 'P-521' },
    { name: 'ECDSA', hash: 'SHA-512' },
  ],
  [{ name: 'Ed25519' }, 'Ed25519'],
  [{ name: 'Ed448' }, 'Ed448'],
  [{ name: 'ML-DSA-44' }, 'ML-DSA-44'],
];
for (const [algorithm, parameters] of signing) {
  const name = `${algorithm.name} ${algorithm.namedCurve ?? ''}`;
  cases[name] = async () => {
    const pair = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const { publicKey, privateKey } = pair;
    const signature = await subtle.sign(parameters, privateKey, data);
    const spki = await subtle.exportKey('spki', publicKey);
    const imported = await subtle.importKey('spki', spki, algorithm, true, ['verify']);
    const jwk = await subtle.exportKey('jwk', privateKey);
    return [
      Object.keys(pair),
      publicKey.type,
      publicKey.algorithm,
      publicKey.usages,
      publicKey.extractable,
      privateKey.type,
      privateKey.usages,
      spki.byteLength,
      Object.keys(jwk),
      jwk.key_ops,
      await subtle.verify(parameters, imported, signature, data),
      await subtle.verify(parameters, publicKey, signature, new Uint8Array(3)),
      (await subtle.importKey('jwk', jwk, algorithm, false, ['sign'])).type,
    ];
  };
}
Object.assign(cases, {
  'RSA-OAEP': async () => {
    const { publicKey, privateKey } = await subtle.generateKey({ name: 'RSA-OAEP', ...rsa }, true, [
      'encrypt',
      'decrypt',
    ]);
    return [
      same(
        await subtle.decrypt(
          'RSA-OAEP',
          privateKey,
          await subtle.encrypt({ name: 'RSA-OAEP' }, publicKey, data),
        ),
        data,
      ),
      await subtle.decrypt('RSA-OAEP', privateKey, data).catch(({ name, message }) => [name, message]),
    ];
  },
  ECDH: async () => {
    const [a, b] = await Promise.all(
      [0, 1].map(() => subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits'])),
    );
    return same(
      await subtle.deriveBits({ name: 'ECDH', public: b.publicKey }, a.privateKey, 256),
      await subtle.deriveBits({ name: 'ECDH', public: a.publicKey }, b.privateKey, 256),
    );
  },
  X25519: async () => {
    const [a, b] = await Promise.all([0, 1].map(() => subtle.generateKey('X25519', false, ['deriveBits'])));
    return same(
      await subtle.deriveBits({ name: 'X25519', public: b.publicKey }, a.privateKey, 128),
      await subtle.deriveBits({ name: 'X25519', public: a.publicKey }, b.privateKey, 128),
    );
  },
  'ML-KEM': async () => {
    const { publicKey, privateKey } = await subtle.generateKey('ML-KEM-768', false, [
      'encapsulateBits',
      'decapsulateBits',
    ]);
    const { sharedKey, ciphertext } = await subtle.encapsulateBits('ML-KEM-768', publicKey);
    return same(sharedKey, await subtle.decapsulateBits('ML-KEM-768', privateKey, ciphertext));
  },
  'KeyObject of a CryptoKey': async () =>
    require('node:crypto')
      .KeyObject.from(await subtle.importKey('raw', new Uint8Array(16), 'AES-CBC', true, ['encrypt']))
      .export().length,
  'CryptoKey of a KeyObject': () =>
    require('node:crypto').createSecretKey(Buffer.alloc(16)).toCryptoKey('AES-CBC', true, ['encrypt'])
      .algorithm,
});

void run(cases);
