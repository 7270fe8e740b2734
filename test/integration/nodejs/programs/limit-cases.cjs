'use strict';
/** What a guest must not get of the engine's memory and files. */
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const { run } = require('./cases.cjs');

const { constants } = zlib;
const cases = {
  'scrypt beyond its memory': () => crypto.scryptSync('a', 'b', 16, { N: 2 ** 22, r: 8, maxmem: 2 ** 40 }),
  'argon2 beyond its memory': () =>
    crypto.argon2Sync('argon2id', {
      message: 'a',
      nonce: Buffer.alloc(16),
      parallelism: 1,
      tagLength: 16,
      memory: 2 ** 21,
      passes: 1,
    }),
  'a digest of gigabytes': () => crypto.createHash('shake128', { outputLength: 2 ** 32 - 1 }),
  'a one-shot digest of gigabytes': () => crypto.hash('shake128', 'a', { outputLength: 2 ** 31 }),
  'a key of gigabytes': () => crypto.pbkdf2Sync('a', 'b', 1, 2 ** 31 - 1, 'sha1'),
  'a secret key of gigabytes': () => crypto.generateKeySync('hmac', { length: 2 ** 31 - 1 }),
  'a huge modulus': () => crypto.generateKeyPairSync('rsa', { modulusLength: 2 ** 20 }),
  'a huge prime': () => crypto.generatePrimeSync(2 ** 24),
  "a file of the engine's": () => crypto.createPrivateKey(new URL('file:///etc/passwd')),
  "a key of one of the engine's stores": () =>
    crypto.sign('sha256', Buffer.from('a'), { key: new URL('pkcs11:token=a'), passphrase: 'b' }),
  'an engine of OpenSSL': () => crypto.setEngine('dynamic'),
  FIPS: () => crypto.setFips(true),
  'brotli of a gigabyte': () =>
    zlib.brotliCompressSync('a', {
      params: { [constants.BROTLI_PARAM_LARGE_WINDOW]: 1, [constants.BROTLI_PARAM_LGWIN]: 30 },
    }),
  'brotli of a gigabyte back': () =>
    zlib.brotliDecompressSync(zlib.brotliCompressSync('a'), {
      params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 },
    }),
  'zstd in threads': () => zlib.zstdCompressSync('a', { params: { [constants.ZSTD_c_nbWorkers]: 64 } }),
  'zstd of gigabytes': () => zlib.zstdCompressSync('a', { params: { [constants.ZSTD_c_windowLog]: 31 } }),
  'zstd of all memory': () => {
    const held = [];
    for (let count = 0; count < 1000; count += 1) {
      held.push(zlib.createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 22 } }));
    }
    return held.length;
  },
  'zstd windows that fill': () => {
    const bomb = zlib.zstdCompressSync(Buffer.alloc(200 << 20), {
      params: {
        [constants.ZSTD_c_windowLog]: 27,
        [constants.ZSTD_c_hashLog]: 6,
        [constants.ZSTD_c_chainLog]: 6,
      },
    });
    const held = [];
    for (let count = 0; count < 20; count += 1) {
      const stream = zlib.createZstdDecompress();
      const { _handle: handle } = stream;
      const out = Buffer.alloc(1 << 20);
      let error;
      stream.on('error', (each) => (error = each));
      handle.onerror = (message, number, code) => (error = { message, number, code });
      let at = 0;
      for (let turn = 0; turn < 150 && error === undefined; turn += 1) {
        handle.writeSync(0, bomb, at, bomb.length - at, out, 0, out.length);
        at = bomb.length - stream._writeState[1];
      }
      if (error !== undefined) return error;
      held.push(stream);
    }
    return held.length;
  },
  // What is dropped is freed, also where nothing ever waits.
  'many ciphers': () => {
    for (let count = 0; count < 20_000; count += 1) {
      crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)).update('a');
    }
    return true;
  },
  'many large keys': () => {
    for (let count = 0; count < 1000; count += 1) crypto.createSecretKey(Buffer.alloc(1 << 20));
    return true;
  },
  'many compressors': () => {
    for (let count = 0; count < 5000; count += 1) zlib.createGzip();
    return true;
  },
  'too many keys': () => {
    const held = [];
    for (let count = 0; count < 1000; count += 1) held.push(crypto.createSecretKey(Buffer.alloc(1 << 20)));
    return held.length;
  },
  'still works': () => [
    crypto.createHash('sha1').update('a').digest('hex'),
    zlib.gunzipSync(zlib.gzipSync('a')),
  ],
};

void run(cases);
