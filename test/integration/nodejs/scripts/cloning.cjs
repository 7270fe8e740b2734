/* oxlint-disable no-sparse-arrays, unicorn/prefer-add-event-listener, unicorn/require-post-message-target-origin */
'use strict';
/** Values that are cloned, transferred and sent: `structuredClone`, ports, `v8.serialize`. */
const v8 = require('node:v8');
const { createSecretKey } = require('node:crypto');
const {
  MessageChannel,
  receiveMessageOnPort,
  BroadcastChannel,
  markAsUntransferable,
} = require('node:worker_threads');
const { inspect } = require('node:util');
const { tell, attempt } = require('./tell.cjs');

const show = (name, value) => tell(name, inspect(value, { depth: 9, showHidden: false }));
const clone = (name, value, options) =>
  attempt(name, () => inspect(structuredClone(value, options), { depth: 9 }).replace(/^\s+at .*\n?/gmu, ''));

class Point {
  constructor() {
    this.x = 1;
  }
  get hidden() {
    return 2;
  }
}

const circle = { name: 'circle' };
circle.self = circle;
circle.list = [circle, { circle }];
const shared = new Uint8Array([1, 2, 3, 4]);

const values = {
  primitives: [undefined, null, true, 1, -0, NaN, Infinity, 2 ** 40, -1, 'text', 'é', '€😀', 10n ** 30n, -5n],
  plain: { a: 1, 2: 'two', nested: { list: [1, [2]] } },
  boxed: [Object(1), Object('s'), Object(true), Object(3n)],
  date: [new Date(0), new Date(NaN)],
  expressions: [/a+b/giu, /x/dsy, /[\p{L}--a]/v],
  map: new Map([[{ a: 1 }, new Set([1, 'x'])]]),
  views: [
    new Int16Array([1, -2]),
    new Float64Array([1.5]),
    new DataView(new ArrayBuffer(3), 1),
    new BigUint64Array([5n]),
  ],
  twice: [shared, shared.buffer, shared.subarray(1, 3)],
  resizable: new Uint8Array(new ArrayBuffer(4, { maxByteLength: 8 })),
  buffer: Buffer.from('abc'),
  holes: [1, , 3],
  named: Object.assign([1], { extra: true }),
  instance: new Point(),
  circle,
  prototype: JSON.parse('{"__proto__": 1}'),
  errors: [
    new Error('a'),
    new TypeError('b', { cause: { c: 1 } }),
    Object.assign(new RangeError('x'), { code: 'Y' }),
  ],
  empty: [{}, [], '', new Map()],
  getter: {
    get a() {
      return 1;
    },
  },
  blob: new Blob(['abc'], { type: 'text/plain' }),
  key: createSecretKey(Buffer.from('abc')),
  exception: new DOMException('message', 'AbortError'),
  target: new EventTarget(),
  long: 'x'.repeat(100) + 'ü'.repeat(100),
};

const refused = {
  function: () => 1,
  method: { a: [function named() {}] },
  symbol: Symbol('s'),
  promise: Promise.resolve(),
  weak: [new WeakMap()],
  proxy: new Proxy({}, {}),
  generator: (function* generate() {})(),
  headers: new Headers(),
  url: new URL('http://a/'),
  stream: new ReadableStream(),
  port: new MessageChannel().port1,
  iterator: new Map().entries(),
};

const transfers = () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer, 2);
  clone('transfer', { buffer, view }, { transfer: [buffer] });
  tell('detached', [buffer.byteLength, buffer.detached]);
  clone('detached buffer', buffer);
  clone('twice', 1, { transfer: [buffer, buffer] });
  const other = new ArrayBuffer(1);
  clone('failed', { other, f: () => 1 }, { transfer: [other] });
  tell('still there', other.byteLength);
  clone('nothing', 1, { transfer: [{}] });
  clone('no object', 1, { transfer: [1] });
  markAsUntransferable(other);
  clone('untransferable', other, { transfer: [other] });
  const { port1 } = new MessageChannel();
  const { port } = structuredClone({ port: port1 }, { transfer: [port1] });
  tell('port', [port === port1, Object.prototype.toString.call(port)]);
  port.close();
};

const serialized = () => {
  for (const name of [
    'primitives',
    'plain',
    'boxed',
    'date',
    'map',
    'views',
    'buffer',
    'named',
    'instance',
    'circle',
    'long',
    'empty',
  ]) {
    attempt(`bytes of ${name}`, () => v8.serialize(values[name]).toString('hex'));
    attempt(`read ${name}`, () => inspect(v8.deserialize(v8.serialize(values[name])), { depth: 9 }));
  }
  attempt('serialize function', () => v8.serialize(() => 1));
  for (const hex of [
    'ff0f6f',
    'aaaa',
    'ff',
    '',
    'ff0f22ff',
    'ff0f41ffffffff7f',
    'ff0f5e05',
    'ff0f61ffffff7f2400',
  ]) {
    attempt(`deserialize ${hex}`, () => v8.deserialize(Buffer.from(hex, 'hex')));
  }
  const writer = new v8.Serializer();
  writer.writeHeader();
  writer.writeUint32(5);
  writer.writeUint64(1, 2);
  writer.writeDouble(0.5);
  writer.writeRawBytes(Buffer.from('raw'));
  writer.writeValue(new Uint16Array([1]));
  const bytes = writer.releaseBuffer();
  tell('serializer', bytes.toString('hex'));
  const reader = new v8.Deserializer(bytes);
  show('deserializer', [
    reader.readHeader(),
    reader.getWireFormatVersion(),
    reader.readUint32(),
    reader.readUint64(),
    reader.readDouble(),
    reader.readRawBytes(3).toString(),
    reader.readValue(),
  ]);
};

const ports = async () => {
  const { port1, port2 } = new MessageChannel();
  tell('tags', [Object.prototype.toString.call(port1), port1.constructor.name]);
  port1.postMessage({ a: [1] });
  port1.postMessage('second');
  tell('received', [receiveMessageOnPort(port2), receiveMessageOnPort(port2), receiveMessageOnPort(port2)]);
  attempt('no port', () => receiveMessageOnPort({}));
  attempt('no arguments', () => port1.postMessage());
  attempt('no list', () => port1.postMessage(1, 5));
  attempt('itself', () => port1.postMessage(1, [port1]));
  attempt('constructed', () => new port1.constructor());
  const order = [];
  await new Promise((resolve) => {
    port2.on('message', (message) => {
      order.push(['on', message]);
      if (message === 3) resolve();
    });
    for (const each of [1, 2, 3]) port1.postMessage(each);
    order.push('posted');
    queueMicrotask(() => order.push('microtask'));
  });
  tell('order', order);
  const sent = new MessageChannel();
  const answer = new Promise((resolve) => {
    port1.onmessage = ({ data, ports, type, target }) =>
      resolve([data, ports.length, type, target === port1]);
  });
  port2.once('message', (port) => port.postMessage('through another'));
  port1.postMessage(sent.port2, [sent.port2]);
  tell('through', await new Promise((resolve) => sent.port1.once('message', resolve)));
  port2.postMessage('answer');
  tell('event', await answer);
  const closed = Promise.all(
    [port1, port2].map((port) => new Promise((resolve) => port.once('close', () => resolve('closed')))),
  );
  port1.close();
  tell('close', await closed);
  tell('after', [port1.postMessage(1), port1.hasRef()]);
  sent.port1.close();
};

const broadcasts = async () => {
  const [one, two, three] = ['a', 'a', 'b'].map((name) => new BroadcastChannel(name));
  three.onmessage = () => tell('three', 'hears');
  const heard = new Promise((resolve) => (two.onmessage = ({ data }) => resolve(data)));
  one.postMessage({ to: 'all' });
  tell('broadcast', await heard);
  for (const each of [one, two, three]) each.close();
  attempt('closed', () => one.postMessage(1));
};

const streams = async () => {
  const stream = new ReadableStream({
    start: (controller) => (controller.enqueue('chunk'), controller.close()),
  });
  const moved = structuredClone(stream, { transfer: [stream] });
  const parts = [];
  for await (const part of moved) parts.push(part);
  tell('moved stream', [parts, stream.locked]);
};

const main = async () => {
  for (const [name, value] of Object.entries(values)) clone(name, value);
  for (const [name, value] of Object.entries(refused)) clone(name, value);
  const memory = new SharedArrayBuffer(4);
  new Uint8Array(structuredClone(memory))[0] = 7;
  tell('shared memory', new Uint8Array(memory)[0]);
  transfers();
  serialized();
  await ports();
  await broadcasts();
  await streams();
};

void main();
