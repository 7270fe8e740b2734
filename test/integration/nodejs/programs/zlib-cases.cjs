'use strict';
/** Operations of node:zlib. What is compressed must be the same to the byte: it is the same zlib. */
const { once } = require('node:events');
const { Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { promisify } = require('node:util');
const { createHash } = require('node:crypto');
const zlib = require('node:zlib');
const { inputs, run } = require('./cases.cjs');

const text = Buffer.from('Fünf Boxkämpfer jagen Eva quer durch Sylt. '.repeat(50));
const big = Buffer.alloc(2_000_000, text);
const sum = (bytes) => `${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`;
const cases = {};

const PAIRS = [
  ['gzip', 'gunzip', 'createGzip', 'createGunzip'],
  ['deflate', 'inflate', 'createDeflate', 'createInflate'],
  ['deflateRaw', 'inflateRaw', 'createDeflateRaw', 'createInflateRaw'],
  ['gzip', 'unzip', 'createGzip', 'createUnzip'],
  ['brotliCompress', 'brotliDecompress', 'createBrotliCompress', 'createBrotliDecompress'],
  ['zstdCompress', 'zstdDecompress', 'createZstdCompress', 'createZstdDecompress'],
];
for (const [compress, decompress, createCompress, createDecompress] of PAIRS) {
  const name = `${compress}, ${decompress}`;
  for (const [index, input] of inputs.entries()) {
    cases[`${name}: input ${index}`] = () => {
      const compressed = zlib[`${compress}Sync`](input);
      return [compressed, zlib[`${decompress}Sync`](compressed).equals(input)];
    };
  }
  cases[`${name}: much`] = () => {
    const compressed = zlib[`${compress}Sync`](big);
    return [sum(compressed), sum(zlib[`${decompress}Sync`](compressed))];
  };
  cases[`${name}: later`] = async () => {
    const compressed = await promisify(zlib[compress])(big);
    return [sum(compressed), sum(await promisify(zlib[decompress])(compressed))];
  };
  cases[`${name}: at once`] = () =>
    Promise.all(
      inputs.map(async (input) =>
        (await promisify(zlib[decompress])(await promisify(zlib[compress])(input))).equals(input),
      ),
    );
  cases[`${name}: pipeline`] = async () => {
    const chunks = [];
    const source = Readable.from([text, big.subarray(0, 300_000), Buffer.alloc(0), text]);
    await pipeline(
      source,
      zlib[createCompress]({ chunkSize: 1024 }),
      zlib[createDecompress]({ chunkSize: 999 }),
      new Writable({
        highWaterMark: 10,
        write: (chunk, _, done) => {
          chunks.push(chunk);
          setImmediate(() => done());
        },
      }),
    );
    return sum(Buffer.concat(chunks));
  };
  cases[`${name}: flush`] = async () => {
    const stream = zlib[createCompress]();
    stream.write('one');
    await promisify(stream.flush.bind(stream))();
    const first = stream.read();
    stream.end('two');
    return [first, (await stream.toArray()).at(-1), stream.bytesWritten];
  };
  cases[`${name}: nonsense`] = () =>
    zlib[`${decompress}Sync`](Buffer.from('this is nothing that was compressed'));
  cases[`${name}: nonsense later`] = () =>
    promisify(zlib[decompress])(Buffer.from('this is nothing that was compressed'));
  cases[`${name}: damaged`] = () => {
    const compressed = zlib[`${compress}Sync`](text);
    compressed[compressed.length - 6] ^= 255;
    return zlib[`${decompress}Sync`](compressed);
  };
  cases[`${name}: cut off`] = () => zlib[`${decompress}Sync`](zlib[`${compress}Sync`](text).subarray(0, 20));
  cases[`${name}: cut off stream`] = () =>
    pipeline(
      Readable.from([zlib[`${compress}Sync`](text).subarray(0, 20)]),
      zlib[createDecompress](),
      new Writable({ write: (_, __, done) => done() }),
    );
  cases[`${name}: nothing`] = () => zlib[`${decompress}Sync`](Buffer.alloc(0));
  cases[`${name}: output too large`] = () =>
    zlib[`${decompress}Sync`](zlib[`${compress}Sync`](big), { maxOutputLength: 1000 });
  cases[`${name}: garbage behind`] = () =>
    sum(zlib[`${decompress}Sync`](Buffer.concat([zlib[`${compress}Sync`](text), Buffer.from('garbage')])));
  cases[`${name}: garbage refused`] = () =>
    zlib[`${decompress}Sync`](Buffer.concat([zlib[`${compress}Sync`](text), Buffer.from('garbage')]), {
      rejectGarbageAfterEnd: true,
    });
  cases[`${name}: two behind each other`] = () =>
    sum(
      zlib[`${decompress}Sync`](
        Buffer.concat([text, big.subarray(0, 99)].map((each) => zlib[`${compress}Sync`](each))),
      ),
    );
  cases[`${name}: closed while it writes`] = async () => {
    const stream = zlib[createCompress]();
    stream.write(big);
    stream.close();
    await once(stream, 'close');
    return [stream.destroyed, stream.bytesWritten];
  };
  cases[`${name}: destroyed`] = async () => {
    const stream = zlib[createDecompress]();
    stream.destroy(new Error('enough'));
    return (await once(stream, 'error'))[0];
  };
  cases[`${name}: reset`] = () => {
    const stream = zlib[createCompress]();
    stream.reset();
    stream.close();
    return stream.destroyed;
  };
  cases[`${name}: dictionary`] = () => {
    const dictionary = text.subarray(0, 100);
    const compressed = zlib[`${compress}Sync`](text, { dictionary });
    return [compressed, zlib[`${decompress}Sync`](compressed, { dictionary }).equals(text)];
  };
  cases[`${name}: wrong dictionary`] = () =>
    zlib[`${decompress}Sync`](zlib[`${compress}Sync`](text, { dictionary: text.subarray(0, 100) }), {
      dictionary: Buffer.from('other'),
    });
  cases[`${name}: no dictionary`] = () =>
    zlib[`${decompress}Sync`](zlib[`${compress}Sync`](text, { dictionary: text.subarray(0, 100) }));
  cases[`${name}: info`] = () => {
    const { buffer, engine } = zlib[`${compress}Sync`](text, { info: true });
    return [buffer.length, engine.constructor.name, engine.bytesWritten];
  };
  cases[`${name}: of numbers`] = () => zlib[`${compress}Sync`](new Float64Array([1, 2, 3]));
  cases[`${name}: of a number`] = () => zlib[`${compress}Sync`](5);
}

for (const level of [-1, 0, 1, 9])
  for (const memLevel of [1, 9])
    for (const strategy of [0, 1, 2, 3, 4])
      for (const windowBits of [9, 15]) {
        cases[`deflate ${level} ${memLevel} ${strategy} ${windowBits}`] = () =>
          sum(zlib.deflateSync(text, { level, memLevel, strategy, windowBits }));
      }
for (const quality of [0, 1, 5, 9, 11])
  for (const window of [10, 22, 24]) {
    cases[`brotli ${quality} ${window}`] = () =>
      sum(
        zlib.brotliCompressSync(big, {
          params: {
            [zlib.constants.BROTLI_PARAM_QUALITY]: quality,
            [zlib.constants.BROTLI_PARAM_LGWIN]: window,
            [zlib.constants.BROTLI_PARAM_MODE]: 1,
          },
        }),
      );
  }
for (const level of [-5, 1, 3, 9, 15]) {
  cases[`zstd ${level}`] = () =>
    sum(
      zlib.zstdCompressSync(big, {
        params: { [zlib.constants.ZSTD_c_compressionLevel]: level, [zlib.constants.ZSTD_c_checksumFlag]: 1 },
      }),
    );
}
Object.assign(cases, {
  params: async () => {
    const stream = zlib.createDeflate({ level: 9 });
    stream.write(text);
    await promisify(stream.params.bind(stream))(0, zlib.constants.Z_DEFAULT_STRATEGY);
    stream.end(text);
    return sum(Buffer.concat(await stream.toArray()));
  },
  'params twice': async () => {
    const stream = zlib.createGzip();
    await promisify(stream.params.bind(stream))(1, 0);
    await promisify(stream.params.bind(stream))(1, 0);
    stream.end('x');
    return stream.toArray();
  },
  'zstd with a size': () => sum(zlib.zstdCompressSync(text, { pledgedSrcSize: text.length })),
  'zstd with a wrong size': () => zlib.zstdCompressSync(text, { pledgedSrcSize: 5 }),
  'zstd with a wrong parameter': () =>
    zlib.zstdCompressSync(text, { params: { [zlib.constants.ZSTD_c_strategy]: 99 } }),
  'zstd with no such parameter': () => zlib.zstdCompressSync(text, { params: { 5: 1 } }),
  'brotli with a wrong parameter': () =>
    zlib.brotliCompressSync(text, { params: { [zlib.constants.BROTLI_PARAM_LGBLOCK]: 99 } }),
  'brotli with no such parameter': () => zlib.brotliCompressSync(text, { params: { 99: 1 } }),
  'window too small': () => zlib.inflateSync(zlib.deflateSync(text, { windowBits: 15 }), { windowBits: 9 }),
  'level out of range': () => zlib.gzipSync(text, { level: 99 }),
  crc32: () => [
    zlib.crc32('hello'),
    zlib.crc32(text),
    zlib.crc32(text, 5),
    zlib.crc32(''),
    zlib.crc32(new Uint16Array([1, 2])),
    zlib.crc32('wörld', zlib.crc32('hello')),
  ],
  'crc32 of a number': () => zlib.crc32(5),
  codes: () => [zlib.constants, zlib.codes],
  'async iteration': async () => {
    const chunks = [];
    for await (const chunk of Readable.from([zlib.gzipSync(big)]).pipe(zlib.createGunzip()))
      chunks.push(chunk);
    return sum(Buffer.concat(chunks));
  },
  'web streams': async () => {
    const chunks = [];
    const stream = Readable.toWeb(Readable.from([text])).pipeThrough(new CompressionStream('gzip'));
    for await (const chunk of stream.pipeThrough(new DecompressionStream('gzip'))) chunks.push(chunk);
    return sum(Buffer.concat(chunks));
  },
  'in the context it was started in': async () => {
    const { AsyncLocalStorage } = require('node:async_hooks');
    const storage = new AsyncLocalStorage();
    return Promise.all(
      [1, 2].map((each) =>
        storage.run(each, () => new Promise((resolve) => zlib.gzip('x', () => resolve(storage.getStore())))),
      ),
    );
  },
});

void run(cases);
