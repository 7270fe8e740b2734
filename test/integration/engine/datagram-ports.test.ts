/** Which socket of a guest a forwarded port of UDP belongs to, call by call. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { RELAYED_ADDRESS } from '../../../src/os/datagram-frame.ts';
import { eventually } from '../../helpers/cli.ts';
import { callModule, words } from '../../helpers/call-guest.ts';
import type { HostCall } from '../../helpers/call-guest.ts';
import { startWithChannel } from '../../helpers/datagram-supervisor.ts';
import type { Supervisor } from '../../helpers/datagram-supervisor.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineRun } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const DATAGRAM = 1;
const ROFLAG_TRUNCATED = 1;
const LOOPBACK_AT = 64;
const RELAYED_AT = 96;
const IOVEC_AT = 80;
const SENDER_AT = 120;
const data = [
  { at: LOOPBACK_AT, bytes: words(LOOPBACK_AT + 8, 4) },
  { at: LOOPBACK_AT + 8, bytes: Buffer.from([127, 0, 0, 1]) },
  { at: IOVEC_AT, bytes: words(0x1000, 5) },
  { at: RELAYED_AT, bytes: words(RELAYED_AT + 8, 4) },
  { at: RELAYED_AT + 8, bytes: Buffer.from(RELAYED_ADDRESS) },
  { at: SENDER_AT, bytes: words(SENDER_AT + 8, 4) },
];
const SOCKET = { load: 160 };
const LENGTH_AT = 164;

const open = (port: number): HostCall[] => [
  ['sock_open', INET4, DATAGRAM, SOCKET.load],
  ['sock_bind', SOCKET, LOOPBACK_AT, port],
];
/** Keeps length and flags of what was received 4 bytes apart. */
const receive = (resultsAt = 180): HostCall => [
  'sock_recv_from',
  SOCKET,
  IOVEC_AT,
  1,
  SENDER_AT,
  0,
  172,
  resultsAt,
  resultsAt + 4,
];
const sendTo = (addressAt: number, port: number): HostCall => [
  'sock_send_to',
  SOCKET,
  IOVEC_AT,
  1,
  addressAt,
  port,
  0,
  LENGTH_AT,
];
const close: HostCall = ['fd_close', SOCKET];

const runCalls = async (
  port: number,
  calls: readonly HostCall[],
  meanwhile: (supervisor: Supervisor, run: EngineRun) => Promise<void>,
): Promise<number[]> => {
  using folder = new ModuleFolder();
  const { run, supervisor } = await startWithChannel({
    port,
    guest: folder.write(callModule(calls, { data })),
  });
  await using _ = run;
  await meanwhile(supervisor, run);
  await run.ended;
  return calls.map((_call, index) => run.output().readUInt32LE(0x4000 + 4 * index));
};

test('a forwarded port goes from a closed socket to the next one on it', async () => {
  const port = await freePort();
  const round = [...open(port), receive(), sendTo(RELAYED_AT, 21), close];
  const results = await runCalls(port, [...round, ...round, ...round], async (supervisor, run) => {
    for (const text of ['one..', 'two..', 'three']) {
      expect(await supervisor.ask(21, text)).toEqual({ port: 21, payload: text });
    }
    expect(run.messages.filter(({ type }) => type === 'listening')).toHaveLength(1);
  });
  expect(results).toEqual(results.map(() => WASI.SUCCESS));
});

test('a port belongs to one socket; another one has no way to the relay’s clients', async () => {
  const port = await freePort();
  const calls = [...open(port), ...open(0), sendTo(RELAYED_AT, 21)];
  const results = await runCalls(port, calls, async (supervisor, run) => {
    await run.ended;
    expect(run.messages.filter(({ type }) => type === 'listening')).toHaveLength(1);
    expect(supervisor.waiting).toEqual([]);
  });
  // What became of the datagram is the kernel's business: there may be a route or not.
  expect(results.slice(0, 4)).toEqual([0, 0, 0, 0]);
});

test('a datagram that is longer than the buffer is cut, and said to be', async () => {
  const port = await freePort();
  using folder = new ModuleFolder();
  const calls = [...open(port), receive(200), receive(220)];
  const { run, supervisor } = await startWithChannel({
    port,
    guest: folder.write(callModule(calls, { data })),
  });
  await using _ = run;
  supervisor.send(1, 'longer than five');
  supervisor.send(1, 'five!');
  await run.ended;
  const memory = run.output();
  expect(memory.toString('latin1', 0x1000, 0x1005)).toBe('five!');
  expect([memory.readUInt32LE(200), memory.readUInt16LE(204)]).toEqual([5, ROFLAG_TRUNCATED]);
  expect([memory.readUInt32LE(220), memory.readUInt16LE(224)]).toEqual([5, 0]);
});

test('an engine that is to finish leaves what the kernel brings to the next one, and takes what is its own', async () => {
  const [port, listenerPort] = [await freePort(), await freePort()];
  const STREAM = 2;
  const LISTENER = { load: 240 };
  const CONNECTION = { load: 244 };
  const calls: HostCall[] = [
    ...open(port),
    ['sock_open', INET4, STREAM, LISTENER.load],
    ['sock_bind', LISTENER, LOOPBACK_AT, listenerPort],
    ['sock_listen', LISTENER, 10],
    ['sock_accept', LISTENER, CONNECTION.load],
    receive(),
    sendTo(RELAYED_AT, 21),
    receive(200),
    sendTo(RELAYED_AT, 21),
    receive(220),
  ];
  using folder = new ModuleFolder();
  const guest = folder.write(callModule(calls, { data }));
  const { run, supervisor } = await startWithChannel({ port, guest });
  await using _ = run;
  const isListening = (): boolean =>
    run.messages.some((message) => message.type === 'listening' && message.port === listenerPort);
  expect(await eventually(isListening, 10_000)).toBe(true);
  const client = connect(listenerPort, '127.0.0.1');
  await once(client, 'connect');
  expect(await supervisor.ask(21, 'one..')).toEqual({ port: 21, payload: 'one..' });

  run.control.write('{"type":"drain"}\n');
  // It hears of that where the guest waits, as it is about to.
  await sleep(200);
  await using sender = createSocket('udp4');
  sender.send('again', port, '127.0.0.1');
  // Were that taken, the guest would come to its end before it is asked this.
  await sleep(200);
  expect(await supervisor.ask(21, 'two..')).toEqual({ port: 21, payload: 'two..' });
  run.control.write('{"type":"finish"}\n');
  client.destroy();
  expect((await run.ended).end).toEqual({ type: 'exited', status: 0, reason: 'drained' });
});
