'use strict';
/** Ciphers and signatures: operations of node:crypto that give the same every time. */
const crypto = require('node:crypto');
const { pipeline } = require('node:stream/promises');
const { Readable, Writable } = require('node:stream');
const { data, keys, later, run, text } = require('./cases.cjs');

const big = Buffer.alloc(300_000, text);
const cases = {};

const cipherOptions = {
  'chacha20-poly1305': { authTagLength: 16 },
  'aes-128-ccm': { authTagLength: 12 },
  'aes-128-ocb': { authTagLength: 16 },
};
for (const [name, keyLength, ivLength] of [
  ['aes-128-cbc', 16, 16],
  ['aes-256-cbc', 32, 16],
  ['aes-192-ctr', 24, 16],
  ['aes-256-gcm', 32, 12],
  ['aes-128-ccm', 16, 12],
  ['aes-128-ocb', 16, 12],
  ['chacha20-poly1305', 32, 12],
  ['aes-128-ecb', 16, 0],
  ['des-ede3-cbc', 24, 8],
  ['aes-256-wrap', 32, 8],
]) {
  const key = Buffer.alloc(keyLength, 7);
  const iv = ivLength === 0 ? null : Buffer.alloc(ivLength, 9);
  const options = cipherOptions[name];
  const isAead = options !== undefined || name.endsWith('gcm');
  const message = name.endsWith('wrap') ? Buffer.alloc(32, 5) : data;
  const encrypt = () => {
    const cipher = crypto.createCipheriv(name, key, iv, options);
    if (isAead) cipher.setAAD(Buffer.from('aad'), { plaintextLength: message.length });
    const encrypted = Buffer.concat([cipher.update(message), cipher.final()]);
    return { encrypted, tag: isAead ? cipher.getAuthTag() : undefined };
  };
  const decrypt = ({ encrypted, tag }) => {
    const decipher = crypto.createDecipheriv(name, crypto.createSecretKey(key), iv, options);
    if (isAead) decipher.setAuthTag(tag).setAAD(Buffer.from('aad'), { plaintextLength: encrypted.length });
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  };
  cases[`${name} encrypts`] = encrypt;
  cases[`${name} decrypts`] = () => decrypt(encrypt()).toString('hex');
  cases[`${name} is damaged`] = () => {
    const { encrypted, tag } = encrypt();
    encrypted[0] ^= 1;
    encrypted[encrypted.length - 1] ^= 255;
    return decrypt({ encrypted, tag });
  };
  cases[`${name} with a short key`] = () => crypto.createCipheriv(name, key.subarray(1), iv, options);
  cases[`${name} with a long iv`] = () => crypto.createCipheriv(name, key, Buffer.alloc(99), options);
}
Object.assign(cases, {
  'cipher: no such': () => crypto.createCipheriv('nothing', 'a', 'b'),
  'cipher with texts': () => {
    const cipher = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16));
    return (
      cipher.update('héllo', 'utf8', 'base64') +
      cipher.update('00ff', 'hex', 'base64') +
      cipher.final('base64')
    );
  },
  'cipher without padding': () => {
    const cipher = crypto
      .createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16))
      .setAutoPadding(false);
    cipher.update('abc');
    return cipher.final();
  },
  'cipher after its end': () => {
    const cipher = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16));
    cipher.final();
    return cipher.update('a');
  },
  'cipher ends twice': () => {
    const cipher = crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16));
    cipher.final();
    return cipher.final();
  },
  'tag too early': () =>
    crypto.createCipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12)).getAuthTag(),
  'tag of a wrong length': () =>
    crypto.createDecipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12)).setAuthTag(Buffer.alloc(3)),
  'cipher as a stream': async () => {
    const chunks = [];
    await pipeline(
      Readable.from([big, big]),
      crypto.createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16, 2)),
      new Writable({ write: (chunk, _, done) => (chunks.push(chunk), done()) }),
    );
    return crypto.hash('sha256', Buffer.concat(chunks));
  },
});

const {
  rsaPublic,
  rsaPrivate,
  rsaEncrypted,
  ecPublic,
  ecPrivate,
  edPublic,
  edPrivate,
  xPublic,
  xPrivate,
  dsaPrivate,
  dsaPublic,
} = keys;
Object.assign(cases, {
  'rsa sign': () => crypto.createSign('sha256').update(data).sign(rsaPrivate, 'hex'),
  'rsa sign with phrase': () =>
    crypto.createSign('sha256').update(data).sign({ key: rsaEncrypted, passphrase: 'phrase' }).length,
  'rsa sign with wrong phrase': () =>
    crypto.createSign('sha256').update(data).sign({ key: rsaEncrypted, passphrase: 'wrong' }),
  'rsa sign without phrase': () => crypto.createSign('sha256').update(data).sign(rsaEncrypted),
  'rsa sign with public key': () => crypto.createSign('sha256').update(data).sign(rsaPublic),
  'sign with no such digest': () => crypto.createSign('nothing'),
  'sign with nonsense': () => crypto.createSign('sha256').update('a').sign('nonsense'),
  'rsa verify': () =>
    [text, 'other'].map((each) =>
      crypto
        .createVerify('sha256')
        .update(each)
        .verify(rsaPublic, crypto.sign('sha256', data, rsaPrivate)),
    ),
  'rsa pss': () => {
    const padding = crypto.constants.RSA_PKCS1_PSS_PADDING;
    const signature = crypto.sign('sha256', data, { key: rsaPrivate, padding, saltLength: 8 });
    return crypto.verify('sha256', data, { key: rsaPublic, padding, saltLength: 8 }, signature);
  },
  'rsa one-shot': () => crypto.sign('RSA-SHA512', data, rsaPrivate),
  'rsa one-shot later': () => later((done) => crypto.sign('sha256', data, rsaPrivate, done)),
  'verify later': () => later((done) => crypto.verify('sha256', data, rsaPublic, Buffer.alloc(256), done)),
  'rsa encrypts': () =>
    crypto
      .privateDecrypt(
        rsaPrivate,
        crypto.publicEncrypt({ key: rsaPublic, oaepHash: 'sha256', oaepLabel: 'label' }, data).subarray(0),
      )
      .toString(),
  'rsa encrypts, labelled': () =>
    crypto
      .privateDecrypt(
        { key: rsaPrivate, oaepHash: 'sha256', oaepLabel: Buffer.from('label') },
        crypto.publicEncrypt({ key: rsaPublic, oaepHash: 'sha256', oaepLabel: Buffer.from('label') }, data),
      )
      .toString(),
  'rsa the other way': () =>
    crypto.publicDecrypt(rsaPublic, crypto.privateEncrypt(rsaPrivate, Buffer.from('x'))).toString(),
  'rsa encrypts too much': () => crypto.publicEncrypt(rsaPublic, Buffer.alloc(999)),
  ec: () =>
    crypto.verify(
      'sha256',
      data,
      ecPublic,
      crypto.sign('sha256', data, { key: ecPrivate, dsaEncoding: 'ieee-p1363' }),
    ),
  'ec p1363': () => {
    const signature = crypto.sign('sha256', data, { key: ecPrivate, dsaEncoding: 'ieee-p1363' });
    return [
      signature.length,
      crypto.verify('sha256', data, { key: ecPublic, dsaEncoding: 'ieee-p1363' }, signature),
    ];
  },
  ed25519: () => {
    const signature = crypto.sign(null, data, edPrivate);
    return [signature, crypto.verify(null, data, edPublic, signature)];
  },
  'ed25519 with digest': () => crypto.sign('sha256', data, edPrivate),
  dsa: () => crypto.verify('sha256', data, dsaPublic, crypto.sign('sha256', data, dsaPrivate)),
  x25519: () =>
    crypto.diffieHellman({
      privateKey: crypto.createPrivateKey(xPrivate),
      publicKey: crypto.createPublicKey(xPublic),
    }),
  'diffieHellman of different keys': () =>
    crypto.diffieHellman({
      privateKey: crypto.createPrivateKey(xPrivate),
      publicKey: crypto.createPublicKey(ecPublic),
    }),
});

// What OpenSSL was dissatisfied with stays behind here, in Node too.
cases['cipher info of a wrong length'] = () => crypto.getCipherInfo('aes-128-cbc', { keyLength: 5 });

void run(cases);
