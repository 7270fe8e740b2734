'use strict';
/** Gives texts and bytes of hundreds of megabytes to what is half in the engine: each ends in a result or an error. */
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const url = require('node:url');
const util = require('node:util');
const vm = require('node:vm');
const zlib = require('node:zlib');

const ascii = 'x'.repeat(2 ** 27);
const wide = '\u20ac'.repeat(2 ** 25);
const rope = (() => {
  let text = 'ab';
  for (let count = 0; count < 26; count += 1) text += text;
  return text;
})();

const ATTEMPTS = {
  'longest text': () => 'x'.repeat(2 ** 31),
  'padded text': () => 'x'.padEnd(2 ** 32, 'y'),
  'largest buffer': () => Buffer.alloc(2 ** 33),
  'largest array': () => new Array(2 ** 32 - 1).fill(0),
  bytes: () => Buffer.from(ascii).length,
  'bytes of wide': () => Buffer.from(wide).length,
  hex: () => Buffer.from(ascii, 'hex').length,
  base64: () => Buffer.from(rope, 'base64').length,
  'byte length': () => Buffer.byteLength(wide),
  hash: () => crypto.createHash('md5').update(wide).digest('hex'),
  hmac: () => crypto.createHmac('sha1', rope).update('').digest('hex'),
  algorithm: () => crypto.createHash(ascii),
  pbkdf2: () => crypto.pbkdf2Sync('x', 'y', 1, 2 ** 31 - 1, 'md5').length,
  random: () => crypto.randomBytes(2 ** 31 - 1).length,
  scrypt: () => crypto.scryptSync('x', 'y', 64, { N: 2 ** 24, r: 8, maxmem: 2 ** 40 }),
  prime: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2 ** 30 }),
  key: () => crypto.createPrivateKey(ascii),
  path: () => fs.readFileSync(ascii),
  'wide path': () => fs.mkdirSync(`/tmp/${wide}`),
  file: () => fs.writeFileSync('/tmp/huge', rope),
  'many times': () => {
    for (let count = 0; count < 20; count += 1) fs.appendFileSync('/tmp/huge', rope);
  },
  truncate: () => fs.truncateSync('/tmp/huge', 2 ** 52),
  read: () => fs.readFileSync('/tmp/huge', 'utf8').length,
  unlink: () => fs.unlinkSync('/tmp/huge'),
  deflate: () => zlib.deflateSync(ascii).length,
  bomb: () => zlib.inflateSync(zlib.deflateSync(Buffer.alloc(2 ** 27)), { maxOutputLength: 2 ** 20 }).length,
  brotli: () =>
    zlib.brotliDecompressSync(
      zlib.brotliCompressSync(Buffer.alloc(2 ** 24), {
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
      }),
    ).length,
  chunk: () => zlib.createGzip({ chunkSize: 2 ** 40 }),
  url: () => new url.URL(`http://example.com/${wide}`).href.length,
  host: () => new url.URL(`http://${rope}/`),
  json: () => JSON.parse(`"${ascii}"`).length,
  'wrong json': () => JSON.parse(ascii),
  nested: () => JSON.parse('['.repeat(2 ** 22)),
  script: () => new vm.Script(`(${ascii}`),
  'nested script': () => vm.runInThisContext('('.repeat(2 ** 20)),
  pattern: () => new RegExp('('.repeat(2 ** 20)),
  decoder: () => new util.TextDecoder('utf-16le').decode(Buffer.alloc(2 ** 26, 0x20)).length,
  format: () => new Intl.NumberFormat(ascii),
  digits: () => (1n << (2n ** 30n)).toString().length,
  clone: () => structuredClone([Buffer.alloc(2 ** 27), Buffer.alloc(2 ** 27)]).length,
  title: () => {
    process.title = ascii;
  },
  environment: () => {
    process.env[rope] = wide;
  },
  'header name': () => new http.OutgoingMessage().setHeader(ascii, 'x'),
  'header value': () => new http.OutgoingMessage().setHeader('x', wide),
  name: () =>
    net
      .connect({ host: ascii.slice(0, 2 ** 20), port: 1 })
      .on('error', () => {})
      .destroy(),
  address: () => net.isIP(rope),
};

for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  let outcome;
  try {
    attempt();
    outcome = 'done';
  } catch (error) {
    outcome = error instanceof Error ? 'refused' : `threw ${typeof error}`;
  }
  console.log(name, outcome);
}
console.log(crypto.createHash('sha256').update('sound').digest('hex').slice(0, 8));
