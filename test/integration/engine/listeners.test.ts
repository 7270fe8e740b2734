/** Host listeners that the engine inherits, through the ups and downs of the guest's own ones. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { FIRST_INHERITED_FD } from '../../../src/engine/messages.ts';
import { holdHostPort } from '../../../src/network/host-listener.ts';
import type { HeldPort } from '../../../src/network/host-listener.ts';
import { callModule, words } from '../../helpers/call-guest.ts';
import type { HostCall } from '../../helpers/call-guest.ts';
import { startEngine } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineRun } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const STREAM = 2;
const LOOPBACK_AT = 64;
const IOVEC_AT = 80;
const data = [
  { at: LOOPBACK_AT, bytes: words(LOOPBACK_AT + 8, 4) },
  { at: LOOPBACK_AT + 8, bytes: Buffer.from([127, 0, 0, 1]) },
  { at: IOVEC_AT, bytes: words(IOVEC_AT + 8, 5) },
  { at: IOVEC_AT + 8, bytes: Buffer.from('hello') },
];
/** Where the calls keep the descriptors they got. */
const LISTENER = { load: 100 };
const CONNECTION = { load: 104 };

let processPort = 0;
let held: HeldPort;
beforeEach(async () => {
  processPort = await freePort();
  held = holdHostPort({ addresses: ['127.0.0.1', '::1'], port: 0, skipUnavailable: ['::1'] });
});
afterEach(() => held[Symbol.asyncDispose]());

const listen = (): HostCall[] => [
  ['sock_open', INET4, STREAM, LISTENER.load],
  ['sock_bind', LISTENER, LOOPBACK_AT, processPort],
  ['sock_listen', LISTENER, 10],
];
const greetOne = (listener: HostCall[1] = LISTENER): HostCall[] => [
  ['sock_accept', listener, CONNECTION.load],
  ['fd_write', CONNECTION, IOVEC_AT, 1, 0],
  ['fd_close', CONNECTION],
];

const start = (folder: ModuleFolder, calls: readonly HostCall[]): EngineRun =>
  startEngine({
    guest: folder.write(callModule(calls, { data })),
    descriptors: held.listeners.map(({ fd }) => fd),
    handed: held.listeners.map((_, index) => ({ fd: FIRST_INHERITED_FD + index, id: index, processPort })),
  });

/** What a client is told. */
const greeting = async (port: number, host = '127.0.0.1'): Promise<string> => {
  const socket = connect({ port, host }).setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  await once(socket, 'close');
  return text;
};

const resultsOf = (run: EngineRun, calls: readonly HostCall[]): number[] =>
  calls.map((_, index) => run.output().readUInt32LE(0x4000 + 4 * index));

test('a new listener on the same port is reached by the same host port, again and again', async () => {
  const round = [...listen(), ...greetOne(), ...greetOne(), ['fd_close', LISTENER] as const];
  const calls = [...round, ...round, ...round];
  using folder = new ModuleFolder();
  await using run = start(folder, calls);
  // All at once: those that come while nobody listens inside wait for the next one.
  const clients = Array.from({ length: 6 }, () => greeting(held.hostPort));
  expect(await Promise.all(clients)).toEqual(Array.from({ length: 6 }, () => 'hello'));
  expect((await run.ended).status).toBe(0);
  expect(resultsOf(run, calls)).toEqual(calls.map(() => WASI.SUCCESS));
  expect(run.messages.filter(({ type }) => type === 'listening')).toHaveLength(3);
});

test('both host addresses and the own one lead to one listener, and none starves', async () => {
  const calls = [...listen(), ...Array.from({ length: 9 }, () => greetOne()).flat()];
  using folder = new ModuleFolder();
  await using run = start(folder, calls);
  await run.message('listening');
  const hosts = held.listeners.map(({ address }) => address);
  const clients = [0, 1, 2].flatMap((index) => [
    greeting(processPort),
    greeting(held.hostPort),
    greeting(held.hostPort, hosts[index % hosts.length]),
  ]);
  expect(new Set(await Promise.all(clients))).toEqual(new Set(['hello']));
  expect((await run.ended).status).toBe(0);
});

test('a listener that was renumbered keeps its host port', async () => {
  const calls: HostCall[] = [...listen(), ['fd_renumber', LISTENER, 0], ...greetOne(0), ['fd_close', 0]];
  using folder = new ModuleFolder();
  await using run = start(folder, calls);
  expect(await greeting(held.hostPort)).toBe('hello');
  expect((await run.ended).status).toBe(0);
  expect(resultsOf(run, calls)).toEqual(calls.map(() => WASI.SUCCESS));
});

test('a second listener on another port does not get the first one’s host port', async () => {
  const otherPort = await freePort();
  const other: HostCall[] = [
    ['sock_open', INET4, STREAM, 108],
    ['sock_bind', { load: 108 }, LOOPBACK_AT, otherPort],
    ['sock_listen', { load: 108 }, 10],
    ['fd_fdstat_set_flags', { load: 108 }, 4],
    ['sock_accept', { load: 108 }, 112],
  ];
  const calls = [...listen(), ...other, ...greetOne()];
  using folder = new ModuleFolder();
  await using run = start(folder, calls);
  expect(await greeting(held.hostPort)).toBe('hello');
  await run.ended;
  expect(resultsOf(run, calls)[7]).toBe(WASI.EAGAIN);
});

test('what was accepted from a host port cannot be connected elsewhere, nor what listens', async () => {
  const calls: HostCall[] = [
    ...listen(),
    ['sock_connect', LISTENER, LOOPBACK_AT, processPort],
    ['sock_accept', LISTENER, CONNECTION.load],
    ['sock_shutdown', CONNECTION, 3],
    ['sock_connect', CONNECTION, LOOPBACK_AT, processPort],
    ['sock_bind', CONNECTION, LOOPBACK_AT, 0],
  ];
  using folder = new ModuleFolder();
  await using run = start(folder, calls);
  await greeting(held.hostPort);
  await run.ended;
  const [ofListener, accepted, shutDown, connected, bound] = resultsOf(run, calls).slice(3);
  expect([accepted, shutDown]).toEqual([WASI.SUCCESS, WASI.SUCCESS]);
  expect(ofListener).toBe(WASI.EISCONN);
  expect([WASI.EISCONN, WASI.EACCES]).toContain(connected);
  expect(bound).toBe(WASI.EINVAL);
});
