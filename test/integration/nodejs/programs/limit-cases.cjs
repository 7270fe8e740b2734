'use strict';
/** What a guest must not get of the engine's memory and files. */
const crypto = require('node:crypto');
const tls = require('node:tls');
const zlib = require('node:zlib');
const { later, run } = require('./cases.cjs');

const { constants } = zlib;
const cases = {
  'scrypt beyond its memory': () => crypto.scryptSync('a', 'b', 16, { N: 2 ** 22, r: 8, maxmem: 2 ** 40 }),
  'scrypt beyond its memory, later': () =>
    later((done) => crypto.scrypt('a', 'b', 16, { N: 2 ** 22, r: 8, maxmem: 2 ** 40 }, done)),
  // One waits for the other.
  'as much as there is, often': async () => {
    const keys = Array.from({ length: 3 }, () =>
      later((done) => crypto.scrypt('a', 'b', 16, { N: 2 ** 16, r: 33, maxmem: 2 ** 40 }, done)),
    );
    return new Set((await Promise.all(keys)).map(String)).size === 1;
  },
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
    const bomb = zlib.zstdCompressSync(Buffer.alloc(130 << 20), {
      params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: 25 },
    });
    const output = Buffer.alloc(1 << 20);
    const held = [];
    for (let count = 0; count < 20; count += 1) {
      const stream = zlib.createZstdDecompress();
      held.push(stream);
      const failures = [];
      Object.assign(stream._handle, {
        onerror: (message, number, code) => failures.push({ message, number, code }),
      });
      for (let at = 0, turn = 0; turn < 40 && failures.length === 0; turn += 1) {
        stream._handle.writeSync(0, bomb, at, bomb.length - at, output, 0, output.length);
        at = bomb.length - stream._writeState[1];
      }
      if (failures.length > 0) return failures[0];
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
  'too many contexts of TLS': () => {
    const held = [];
    const ca = '\n'.repeat(1 << 20);
    for (let count = 0; count < 1000; count += 1) held.push(tls.createSecureContext({ ca }));
    return held.length;
  },
  'still works': () => [
    crypto.createHash('sha1').update('a').digest('hex'),
    zlib.gunzipSync(zlib.gzipSync('a')),
  ],
};

void run(cases);
