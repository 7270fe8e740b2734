'use strict';
/** Hashes, random bytes and derived keys: operations of node:crypto that give the same every time. */
const crypto = require('node:crypto');
const { promisify } = require('node:util');
const { pipeline } = require('node:stream/promises');
const { Readable } = require('node:stream');
const { data, inputs, keys, later, run, text } = require('./cases.cjs');

const big = Buffer.alloc(300_000, text);
const cases = {};

for (const algorithm of [
  'md5',
  'sha1',
  'SHA1',
  'RSA-SHA1',
  'sha224',
  'sha256',
  'sha384',
  'sha512',
  'sha512-256',
  'sha3-256',
  'sha3-512',
  'ripemd160',
  'blake2b512',
  'blake2s256',
  'sm3',
  'shake128',
  'nothing',
  '',
  'constructor',
  '__proto__',
]) {
  cases[`hash ${algorithm}`] = () => crypto.createHash(algorithm).update(text).digest('hex');
  cases[`hash ${algorithm} again`] = () => crypto.createHash(algorithm).update(data).digest();
  cases[`one-shot ${algorithm}`] = () => crypto.hash(algorithm, text);
  cases[`hmac ${algorithm}`] = () => crypto.createHmac(algorithm, 'secret').update(text).digest('base64url');
  cases[`hmac ${algorithm} again`] = () =>
    crypto.createHmac(algorithm, data).update(data).update('more').digest();
}
for (const encoding of [
  'hex',
  'base64',
  'base64url',
  'latin1',
  'binary',
  'ucs2',
  'buffer',
  'utf8',
  'nonsense',
  undefined,
]) {
  cases[`digest as ${encoding}`] = () => crypto.createHash('sha1').update(text).digest(encoding);
  cases[`one-shot as ${encoding}`] = () => crypto.hash('sha1', data, encoding);
  cases[`data as ${encoding}`] = () => crypto.createHash('sha1').update('abcdef', encoding).digest('hex');
  cases[`hmac as ${encoding}`] = () =>
    crypto.createHmac('sha256', 'k').update('abcdef', encoding).digest(encoding);
}
for (const [index, input] of inputs.entries()) {
  // As texts too, with halves of surrogate pairs in them.
  for (const value of [input, input.toString('utf16le'), input.toString('latin1')]) {
    for (const encoding of ['utf8', 'utf16le', 'latin1', 'base64']) {
      cases[`input ${index} ${typeof value} ${value.length} ${encoding}`] = () => [
        crypto.createHash('sha256').update(value, encoding).digest('hex'),
        crypto.createHmac('sha1', value).update(value, encoding).digest('base64'),
        crypto.hash('md5', value),
      ];
    }
  }
}
Object.assign(cases, {
  'hash of much': () => crypto.createHash('sha256').update(big).digest('hex'),
  'hash in parts': () =>
    crypto
      .createHash('sha256')
      .update('a')
      .update(data)
      .update('', 'utf8')
      .update(new Uint16Array([1, 2]))
      .update(new DataView(new ArrayBuffer(3)))
      .digest('hex'),
  'hash of nothing': () => crypto.createHash('sha256').digest('hex'),
  'hash: data may change later': () => {
    const bytes = Buffer.from('before');
    const hash = crypto.createHash('sha256').update(bytes);
    bytes.fill(0);
    return hash.digest('hex');
  },
  'hash twice': () => {
    const hash = crypto.createHash('sha256').update('a');
    return [hash.digest('hex'), hash.digest('hex')];
  },
  'hash after digest': () => {
    const hash = crypto.createHash('sha256');
    hash.digest();
    hash.update('a');
  },
  'hash copy': () => {
    const hash = crypto.createHash('sha256').update('a');
    const copy = hash.copy();
    return [
      copy.update('b').digest('hex'),
      hash.update('c').digest('hex'),
      crypto.createHash('shake256').update('x').copy({ outputLength: 5 }).digest('hex'),
    ];
  },
  'hash of a number': () => crypto.createHash('sha256').update(5),
  'hash with odd hex': () => crypto.createHash('sha256').update('abc', 'hex'),
  'xof length': () => crypto.createHash('shake128', { outputLength: 40 }).update('a').digest('hex'),
  'xof length 0': () => crypto.createHash('shake128', { outputLength: 0 }).update('a').digest('hex'),
  'xof of a fixed hash': () => crypto.createHash('sha256', { outputLength: 5 }),
  'hash as a stream': async () => {
    const hash = crypto.createHash('sha256');
    await pipeline(Readable.from([Buffer.from('a'), 'b', data]), hash);
    return hash.read().toString('hex');
  },
  'hash ended': async () => {
    const hash = crypto.createHash('md5');
    hash.end('abc');
    const chunks = await hash.toArray();
    return [...chunks, hash.digest('hex')];
  },
  'hmac as a stream': () => crypto.createHmac('sha256', 'k').end('abc').read(),
  'hmac twice': () => {
    const hmac = crypto.createHmac('sha256', 'k').update('a');
    return [hmac.digest('hex'), hmac.digest('hex')];
  },
  'hmac with key object': () =>
    crypto.createHmac('sha256', crypto.createSecretKey(data)).update('a').digest('hex'),
  'hmac with public key': () => crypto.createHmac('sha256', crypto.createPublicKey(keys.rsaPublic)),
  timingSafeEqual: () => [
    crypto.timingSafeEqual(Buffer.from('ab'), new Uint16Array([25185])),
    crypto.timingSafeEqual(Buffer.from('ab'), Buffer.from('ac')),
  ],
  'timingSafeEqual of lengths': () => crypto.timingSafeEqual(Buffer.from('ab'), Buffer.from('a')),
  'timingSafeEqual of text': () => crypto.timingSafeEqual('a', Buffer.from('a')),
  'timingSafeEqual of texts': () => crypto.timingSafeEqual(Buffer.from('a'), 'a'),
  random: () => [
    crypto.randomBytes(20).length,
    crypto.randomInt(3) < 3,
    crypto.randomInt(5, 7) >= 5,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4/.test(crypto.randomUUID()),
    crypto.randomUUID({ disableEntropyCache: true }).length,
    crypto.getRandomValues(new Uint8Array(9)).length,
  ],
  'random later': async () => [
    (await promisify(crypto.randomBytes)(5)).length,
    (await promisify(crypto.randomInt)(1, 3)) < 3,
    (await promisify(crypto.randomFill)(Buffer.alloc(9))).length,
  ],
  'random parts': () => {
    const bytes = crypto.randomFillSync(Buffer.alloc(300), 100, 100);
    return [
      bytes.subarray(0, 100).every((each) => each === 0),
      bytes.subarray(200).every((each) => each === 0),
      bytes.subarray(100, 200).some((each) => each !== 0),
    ];
  },
  'random floats': () => crypto.getRandomValues(new Float32Array(1)),
  'random too much': () => crypto.getRandomValues(new Uint8Array(70_000)),
  prime: () => [
    crypto.checkPrimeSync(crypto.generatePrimeSync(64)),
    crypto.checkPrimeSync(15n),
    typeof crypto.generatePrimeSync(32, { bigint: true }),
  ],
  'prime later': async () => promisify(crypto.checkPrime)(7919n),
  'prime that cannot be': () => crypto.generatePrimeSync(8, { add: 1000n }),
});

Object.assign(cases, {
  pbkdf2: () => crypto.pbkdf2Sync('password', 'salt', 1000, 32, 'sha512'),
  'pbkdf2 later': () => later((done) => crypto.pbkdf2('password', data, 10, 64, 'sha1', done)),
  'pbkdf2 of nothing': () => crypto.pbkdf2Sync('', '', 1, 0, 'sha1'),
  'pbkdf2 with no such digest': () => crypto.pbkdf2Sync('a', 'b', 1, 2, 'nothing'),
  'pbkdf2 with no such digest, later': () => later((done) => crypto.pbkdf2('a', 'b', 1, 2, 'nothing', done)),
  scrypt: () => crypto.scryptSync('password', 'salt', 32),
  'scrypt later': () => later((done) => crypto.scrypt('password', 'salt', 16, { N: 64, r: 2, p: 3 }, done)),
  'scrypt with no power of two': () => crypto.scryptSync('password', 'salt', 16, { N: 3 }),
  // What OpenSSL was dissatisfied with stays behind for the next operation in Node, and not here.
  'scrypt too much': () => crypto.scryptSync('password', 'salt', 16, { N: 2 ** 20 }),
  hkdf: () => crypto.hkdfSync('sha256', 'key', 'salt', 'info', 42),
  'hkdf later': () => later((done) => crypto.hkdf('sha512', data, Buffer.alloc(0), 'info', 99, done)),
  'hkdf too long': () => crypto.hkdfSync('sha256', 'key', 'salt', 'info', 9000),
  'hkdf with no such digest': () => crypto.hkdfSync('nothing', 'key', 'salt', 'info', 9),
  argon2: () =>
    crypto.argon2Sync('argon2id', {
      message: 'password',
      nonce: Buffer.alloc(16, 1),
      parallelism: 1,
      tagLength: 32,
      memory: 64,
      passes: 2,
    }),
  getHashes: () => crypto.getHashes(),
  getCiphers: () => crypto.getCiphers(),
  getCurves: () => crypto.getCurves(),
  'cipher info': () => [
    crypto.getCipherInfo('aes-256-gcm'),
    crypto.getCipherInfo('nothing'),
    crypto.getCipherInfo(4),
  ],
  constants: () => crypto.constants,
  fips: () => crypto.getFips(),
  'secure heap': () => crypto.secureHeapUsed(),
});

void run(cases);
