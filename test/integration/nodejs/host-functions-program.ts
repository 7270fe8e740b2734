/**
 * Calls every function that the engine gives a guest, with whatever a guest might give it, from a guest that knows
 * them all by name. What survives prints how often each was called.
 *
 *   node --expose-internals host-functions-program SEED CALLS
 */
import { openMemoryFileSystems } from '../../../src/engine/mounts.ts';
import { FdTable } from '../../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../../src/engine/guest-file-system.ts';
import { HttpParsers } from '../../../runtimes/nodejs/engine/http-parser.ts';
import { librarySources } from '../../../runtimes/nodejs/engine/library.ts';
import { compileLlhttp } from '../../../runtimes/nodejs/engine/llhttp.ts';
import { MemoryBudget } from '../../../runtimes/nodejs/engine/memory-budget.ts';
import { createNodeGuest, readGuestBytes } from '../../../runtimes/nodejs/engine/node-guest.ts';
import { ReactorState } from '../../../runtimes/nodejs/engine/reactor.ts';

const MEMORY = 64 << 20;
const [, , seed = '1', calls = '1000'] = process.argv;

const SCRIPT = `(() => {
  'use strict';
  const host = globalThis.__wasmrun;
  let state = ${Number(seed)};
  // Mulberry32: the same calls for the same seed.
  const random = (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % limit;
  };
  // These end the app, wait, or work on addresses in the guest's own memory.
  const LEFT_OUT = /^(privateSymbol|exit|sleep|setEntries|runMicrotasks|write|printText|compileLibrary)$|^(set|compile|synthetic|evaluate|link|check)Module|^module(Namespace|Meta|Status|Error)$/;
  const names = Object.keys(host).filter((name) => !LEFT_OUT.test(name));
  const numbers = [];
  const detached = new Uint8Array(64);
  detached.buffer.transfer();
  const shrunk = new Uint8Array(new ArrayBuffer(64, { maxByteLength: 128 }));
  shrunk.buffer.resize(1);
  let depth = 0;
  const reentrant = () => {
    if (depth < 3) { depth += 1; try { call(); } finally { depth -= 1; } }
    return 'text';
  };
  const MAKERS = [
    () => undefined, () => null, () => true, () => false, () => 0, () => -0, () => 1, () => -1, () => NaN,
    () => Infinity, () => -Infinity, () => 2 ** 31, () => 2 ** 31 - 1, () => -(2 ** 31), () => 2 ** 32,
    () => 2 ** 53, () => 1e300, () => 0.5, () => random(100), () => random(100000),
    () => '', () => 'x', () => '\\ud800', () => '\\0', () => 'é'.repeat(random(70000)), () => 'ab' + random(1e6),
    () => ['utf8', 'hex', 'latin1', 'base64', 'utf16le', 'sha256', 'aes-128-cbc', '..', '../../etc/passwd', '/',
      '/proc/self/mem', 'Hash', 'Hmac', 'KeyObjectHandle', 'Zlib', 'fs', '__proto__', 'constructor'][random(18)],
    () => ['export {}', 'import "x"; export const a = 1', 'return 1', 'a, b', 'const x: number = 1', '{}',
      '[{"url":1,"linked":[]}]', '[{"url":"a","source":2,"linked":[]}]', '[{"url":"a","exports":[1],"linked":[]}]',
      '[{"url":"a","source":"import \\"b\\"","linked":[0]}]', '[null]', '[[[[]]]]'][random(12)],
    () => [], () => [1, 'a', [2]], () => ({}), () => ({ a: 1 }), () => new Uint8Array(random(200)), () => new Uint8Array(0),
    () => new Uint8Array(70000), () => new Float64Array(4), () => new DataView(new ArrayBuffer(8)),
    () => detached, () => shrunk, () => new ArrayBuffer(8), () => () => 1, () => Symbol('s'), () => 10n, () => new Date(),
    () => new Proxy([], {}), () => new Proxy(new Uint8Array(4), {}), () => /x/, () => Promise.resolve(1),
    () => ({ get length() { throw new Error('length'); } }), () => ({ toString: reentrant, valueOf: reentrant }),
    () => ({ get code() { return reentrant(); } }), () => Object.create(null), () => globalThis, () => host,
    () => numbers[random(numbers.length || 1)],
  ];
  const counts = {};
  const call = () => {
    const name = names[random(names.length)];
    const values = Array.from({ length: random(7) }, () => MAKERS[random(MAKERS.length)]());
    counts[name] = (counts[name] || 0) + 1;
    try {
      const result = host[name](...values);
      if (typeof result === 'number') numbers.push(result);
      if (numbers.length > 50) numbers.shift();
    } catch (error) {
      if (error === undefined) throw new Error(name + ' threw nothing');
    }
  };
  for (let index = 0; index < ${Number(calls)}; index += 1) {
    call();
    if (index % 100 === 0 && JSON.stringify([1, 'a', { b: null }]) !== '[1,"a",{"b":null}]') throw new Error('unsound');
  }
  host.printText(1, JSON.stringify(counts));
})();`;

const absent = (): never => {
  throw new Error('there is no network here');
};

const llhttp = compileLlhttp(librarySources);
const [directory] = openMemoryFileSystems(['/']);
const files = new GuestFileSystem([{ path: '/', directory: directory!, isSameOnHost: false }], new FdTable());
const before = process.memoryUsage.rss();
await createNodeGuest({ ...readGuestBytes(), script: Buffer.from(SCRIPT) }, MEMORY, {
  files,
  parsers: new HttpParsers(llhttp, { budget: new MemoryBudget(MEMORY) }),
  llhttp,
  reactor: new ReactorState(),
  guest: absent,
  streams: absent,
  datagrams: absent,
  services: absent,
  launch: absent,
});
process.stderr.write(`${Math.round((process.memoryUsage.rss() - before) / 1024 / 1024)} MiB\n`);
