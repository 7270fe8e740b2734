'use strict';
/**
 * Changes what everything inherits from, then uses what is half in the engine: files, cryptography, compression,
 * texts, a server. Whatever comes of it comes of it in here, and once it is undone all works as before.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const url = require('node:url');
const util = require('node:util');
const zlib = require('node:zlib');

const WORK = [
  () => crypto.createHash('sha256').update('text').update(Buffer.from('bytes')).digest('hex'),
  () => crypto.pbkdf2Sync('password', 'salt', 10, 20, 'sha1').toString('base64'),
  () =>
    crypto.createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16)).update('text', 'utf8', 'hex'),
  () => crypto.generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
  () => fs.readFileSync(__filename, 'utf8').length,
  () => fs.readdirSync(__dirname, { withFileTypes: true }).length,
  () => fs.statSync(__filename).size,
  () => zlib.inflateSync(zlib.deflateSync('text'.repeat(100))).toString().length,
  () => new url.URL('https://user:word@example.com:1/a?b#c').href,
  () => Buffer.from('4142', 'hex').toString('latin1') + Buffer.from('é').indexOf('é'),
  () => new util.TextDecoder('utf-16le').decode(Buffer.from('ab', 'utf16le')),
  () => new Intl.NumberFormat('de').format(1234.5),
  () => structuredClone({ a: [1, new Map([[1, 2]])] }).a[1].get(1),
  () => JSON.stringify(os.cpus().length > 0),
  () => http.createServer().listen(0, '127.0.0.1').close(),
];

const define = Object.defineProperty;
const remove = Reflect.deleteProperty;
const describe = Object.getOwnPropertyDescriptor;
const log = console.log.bind(console);
const own = { values: WORK, count: WORK.length };

let calls = 0;
const poison = {
  get() {
    calls += 1;
    return this === undefined ? 1 : -1;
  },
  set() {
    calls += 1;
    throw new Error('set');
  },
  configurable: true,
};
const reenter = {
  get() {
    calls += 1;
    if (calls < 2000) crypto.createHash('md5').update('x').digest();
    return undefined;
  },
  set() {},
  configurable: true,
};

const targets = [];
const aim = (object, keys) => {
  for (let index = 0; index < keys.length; index += 1) targets[targets.length] = [object, keys[index]];
};
aim(Object.prototype, [
  '0',
  '1',
  'length',
  'then',
  'get',
  'set',
  'value',
  'encoding',
  'fd',
  'flag',
  'code',
  'errno',
  'ok',
  '__proto__',
  'constructor',
  'toString',
  'valueOf',
]);
aim(Array.prototype, ['0', '1', '2', 'push', 'map', 'join', 'slice', Symbol.iterator, 'constructor']);
const TypedArray = Reflect.getPrototypeOf(Uint8Array.prototype);
aim(TypedArray, [
  'length',
  'byteLength',
  'byteOffset',
  'buffer',
  'subarray',
  'set',
  Symbol.iterator,
  Symbol.toStringTag,
]);
aim(ArrayBuffer.prototype, ['byteLength', 'slice', 'resizable']);
aim(String.prototype, ['length', 'charCodeAt', 'slice', 'split', 'toString', Symbol.iterator]);
aim(Function.prototype, ['call', 'apply', 'bind', Symbol.hasInstance]);
aim(Promise.prototype, ['then', 'constructor']);
aim(Map.prototype, ['get', 'set', 'has']);
aim(RegExp.prototype, ['exec', 'test', Symbol.replace]);
aim(Error.prototype, ['message', 'name', 'stack', 'code']);
aim(Error, ['captureStackTrace', 'prepareStackTrace', 'stackTraceLimit']);
aim(globalThis, ['Buffer', 'Uint8Array', 'process', 'Promise', 'Error', 'JSON', 'Object', 'queueMicrotask']);

const outcomes = { fine: 0, thrown: 0 };
for (let index = 0; index < targets.length; index += 1) {
  const object = targets[index][0];
  const key = targets[index][1];
  const before = describe(object, key);
  for (let kind = 0; kind < 2; kind += 1) {
    for (let number = 0; number < own.count; number += 1) {
      let done = false;
      try {
        define(object, key, kind === 0 ? poison : reenter);
        try {
          own.values[number]();
        } finally {
          if (before === undefined) remove(object, key);
          else define(object, key, before);
        }
        done = true;
      } catch {}
      outcomes[done ? 'fine' : 'thrown'] += 1;
    }
  }
}

/** Bytes that are not what they seem, or change while somebody looks at them. */
const detached = () => {
  const bytes = new Uint8Array(64);
  bytes.buffer.transfer();
  return bytes;
};
const shrinking = () => {
  const buffer = new ArrayBuffer(1 << 20, { maxByteLength: 1 << 20 });
  const bytes = new Uint8Array(buffer, 1000);
  return [bytes, () => buffer.resize(10)];
};
const lying = () => {
  const bytes = new Uint8Array(8);
  for (const name of ['length', 'byteLength']) define(bytes, name, { value: 1 << 30 });
  define(bytes, 'byteOffset', { value: -4096 });
  define(bytes, 'buffer', { value: new ArrayBuffer(1) });
  return bytes;
};
const tricks = [
  () => crypto.createHash('sha1').update(lying()).digest('hex'),
  () => crypto.createHash('sha1').update(detached()).digest('hex'),
  () => crypto.randomFillSync(lying()),
  () => crypto.randomFillSync(detached()),
  () => {
    const [bytes, shrink] = shrinking();
    return crypto.randomFillSync(bytes, 0, { valueOf: () => (shrink(), 1000) });
  },
  () => {
    const [bytes, shrink] = shrinking();
    return Buffer.prototype.write.call(
      bytes,
      { toString: () => (shrink(), 'x'.repeat(1000)) },
      0,
      1000,
      'latin1',
    );
  },
  () => {
    const [bytes, shrink] = shrinking();
    return Buffer.prototype.fill.call(bytes, 'abc', 0, { valueOf: () => (shrink(), 1e6) });
  },
  () => fs.writeSync(1, lying(), 0, 1 << 29),
  () => fs.readSync(fs.openSync(__filename), lying(), { offset: 0, length: 1 << 29 }),
  () => fs.readSync(fs.openSync(__filename), detached()),
  () => zlib.deflateSync(lying()),
  () => new Proxy(Buffer.alloc(4), {}).toString('hex'),
  () => Buffer.prototype.toString.call(new Proxy(new Uint8Array(4), {}), 'hex'),
  () => Buffer.prototype.utf8Slice.call({ length: 1e9, __proto__: Uint8Array.prototype }, 0, 1e9),
  () => Buffer.prototype.copy.call(lying(), Buffer.alloc(10), 0, 0, 1 << 29),
  () => Buffer.compare(lying(), lying()),
  () => Buffer.from('abc').indexOf(lying()),
  () => new util.TextDecoder().decode(lying()),
  () => process.binding('fs').read(0, lying(), -1, 1 << 30, -1),
  () => process.cpuUsage({ user: lying(), system: detached() }),
  () => process.hrtime.bigint.call(lying()),
  () => process.binding('buffer').fill(lying(), 1, -5, 1 << 30),
  () => process.binding('zlib').crc32(lying(), -1),
];
for (const trick of tricks) {
  try {
    trick();
    outcomes.fine += 1;
  } catch {
    outcomes.thrown += 1;
  }
}

log(outcomes.fine > 100 && outcomes.thrown > 100 ? 'some worked, some threw' : JSON.stringify(outcomes));
// As nothing had been.
for (const work of WORK.slice(0, 2)) log(work());
log(WORK[7](), WORK[8](), WORK[9](), WORK[12]());
