/** Ports that exist in the engine alone: the engine stands in the host's network and may bind nothing there. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { FIRST_INHERITED_FD } from '../../../src/engine/messages.ts';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import type { HeldPort } from '../../../src/network/host-listener.ts';
import { callModule, words } from '../../helpers/call-guest.ts';
import type { HostCall } from '../../helpers/call-guest.ts';
import { startEngine } from '../../helpers/engine.ts';
import type { EngineRun } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const INET6 = 2;
const DATAGRAM = 1;
const STREAM = 2;
const PORT = 3000;
/** `$subscription`s: the listener is readable; 20 ms have passed (monotonic). */
const SUBSCRIPTIONS_AT = 1024;
const SUBSCRIPTION_SIZE = 48;
const EVENTS_AT = 2048;
const LOOPBACK_AT = 64;
const ANY_AT = 128;
const IOVEC_AT = 80;
const NAME_AT = 160;
const data = [
  { at: LOOPBACK_AT, bytes: words(LOOPBACK_AT + 8, 4) },
  { at: LOOPBACK_AT + 8, bytes: Buffer.from([127, 0, 0, 1]) },
  { at: ANY_AT, bytes: words(ANY_AT + 8, 4, 0) },
  { at: IOVEC_AT, bytes: words(IOVEC_AT + 8, 5) },
  { at: IOVEC_AT + 8, bytes: Buffer.from('hello') },
  { at: NAME_AT, bytes: words(NAME_AT + 8, 4) },
  // The first descriptor behind the three streams.
  { at: SUBSCRIPTIONS_AT, bytes: words(1, 0, 1, 0, 3) },
  { at: SUBSCRIPTIONS_AT + SUBSCRIPTION_SIZE, bytes: words(2, 0, 0, 0, 1, 0, 20_000_000, 0) },
];
const FIRST = { load: 100 };
const SECOND = { load: 104 };
const CONNECTION = { load: 108 };

let held: HeldPort;
beforeEach(() => {
  held = holdHostPort({ addresses: ['127.0.0.1'], port: 0 });
});
afterEach(() => held[Symbol.asyncDispose]());

const start = (folder: ModuleFolder, calls: readonly HostCall[]): EngineRun =>
  startEngine({
    guest: folder.write(callModule(calls, { data })),
    virtualPorts: true,
    descriptors: held.listeners.map(({ fd }) => fd),
    handed: held.listeners.map((_, index) => ({
      fd: FIRST_INHERITED_FD + index,
      id: index,
      processPort: PORT,
    })),
  });

const resultsOf = (run: EngineRun, calls: readonly HostCall[]): number[] =>
  calls.map((_, index) => run.output().readUInt32LE(0x4000 + 4 * index));

/** The results of calls that wait for nobody. */
const run = async (calls: readonly HostCall[]): Promise<{ results: number[]; memory: Buffer }> => {
  using folder = new ModuleFolder();
  await using engine = start(folder, calls);
  expect((await engine.ended).status).toBe(0);
  return { results: resultsOf(engine, calls), memory: engine.output() };
};

const greeting = async (port: number): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  await once(socket, 'close');
  return text;
};

test('a guest listens on a port that another process has, and is reached by its host port', async () => {
  await using other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const round: HostCall[] = [
    ['sock_open', INET4, STREAM, FIRST.load],
    ['sock_bind', FIRST, LOOPBACK_AT, PORT],
    ['sock_listen', FIRST, 10],
    ['sock_accept', FIRST, CONNECTION.load],
    ['fd_write', CONNECTION, IOVEC_AT, 1, 0],
    ['fd_close', CONNECTION],
    ['fd_close', FIRST],
  ];
  const calls = [...round, ...round];
  using folder = new ModuleFolder();
  await using engine = start(folder, calls);
  expect(await engine.message('listening')).toMatchObject({ type: 'listening', port: PORT });
  expect([await greeting(held.hostPort), await greeting(held.hostPort)]).toEqual(['hello', 'hello']);
  expect((await engine.ended).status).toBe(0);
  expect(resultsOf(engine, calls)).toEqual(calls.map(() => WASI.SUCCESS));
});

test('it is told the address it asked for, and any free port for none', async () => {
  const { results, memory } = await run([
    ['sock_open', INET4, STREAM, FIRST.load],
    ['sock_bind', FIRST, LOOPBACK_AT, 80],
    ['sock_getlocaladdr', FIRST, NAME_AT, 200, 204],
    ['sock_open', INET4, STREAM, SECOND.load],
    ['sock_bind', SECOND, ANY_AT, 0],
    ['sock_getlocaladdr', SECOND, ANY_AT, 208, 212],
  ]);
  expect(results).toEqual(Array.from({ length: 6 }, () => WASI.SUCCESS));
  expect([...memory.subarray(NAME_AT + 8, NAME_AT + 12)]).toEqual([127, 0, 0, 1]);
  expect(memory.readUInt32LE(204)).toBe(80);
  expect(memory.readUInt32LE(212)).toBeGreaterThanOrEqual(32_768);
});

test('a port belongs to one socket of a protocol and an address until that is closed', async () => {
  const { results } = await run([
    ['sock_open', INET4, STREAM, FIRST.load],
    ['sock_bind', FIRST, LOOPBACK_AT, PORT],
    ['sock_bind', FIRST, LOOPBACK_AT, PORT + 1],
    ['sock_open', INET4, STREAM, SECOND.load],
    ['sock_bind', SECOND, ANY_AT, PORT],
    ['sock_bind', SECOND, LOOPBACK_AT, PORT],
    ['sock_open', INET4, DATAGRAM, CONNECTION.load],
    ['sock_bind', CONNECTION, LOOPBACK_AT, PORT],
    ['fd_close', FIRST],
    ['sock_bind', SECOND, LOOPBACK_AT, PORT],
    ['sock_open', INET6, STREAM, FIRST.load],
    ['sock_bind', FIRST, LOOPBACK_AT, PORT + 2],
  ]);
  const { SUCCESS, EINVAL, EADDRINUSE } = WASI;
  const ofFirst = [SUCCESS, SUCCESS, EINVAL];
  const ofSecond = [SUCCESS, EADDRINUSE, EADDRINUSE];
  const ofUdp = [SUCCESS, SUCCESS];
  const afterClose = [SUCCESS, SUCCESS];
  const otherFamily = [SUCCESS, EINVAL];
  expect(results).toEqual([ofFirst, ofSecond, ofUdp, afterClose, otherFamily].flat());
});

test('a listener that nothing leads to never has a connection, and is not ready', async () => {
  const { results, memory } = await run([
    ['sock_open', INET4, STREAM, FIRST.load],
    ['sock_bind', FIRST, LOOPBACK_AT, PORT + 1],
    ['sock_listen', FIRST, 10],
    ['poll_oneoff', SUBSCRIPTIONS_AT, EVENTS_AT, 2, 220],
    ['fd_fdstat_set_flags', FIRST, 4],
    ['sock_accept', FIRST, CONNECTION.load],
  ]);
  expect(results.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => WASI.SUCCESS));
  expect(results[5]).toBe(WASI.EAGAIN);
  expect(memory.readUInt32LE(FIRST.load)).toBe(3);
  // One event: the time.
  expect(memory.readUInt32LE(220)).toBe(1);
  expect(memory.readUInt32LE(EVENTS_AT)).toBe(2);
});

test('it connects and sends to nobody, whatever else would permit it', async () => {
  await using service = createServer().listen(0, '127.0.0.1');
  await once(service, 'listening');
  const address = service.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const { results } = await run([
    ['sock_open', INET4, STREAM, FIRST.load],
    ['sock_connect', FIRST, LOOPBACK_AT, port],
    ['sock_open', INET4, DATAGRAM, SECOND.load],
    ['sock_send_to', SECOND, IOVEC_AT, 1, LOOPBACK_AT, port, 0, 240],
  ]);
  expect(results).toEqual([WASI.SUCCESS, WASI.EACCES, WASI.SUCCESS, WASI.EACCES]);
});
