/** The supervisor's answers to an engine that has been taken over: sockets it should never have. */
import { closeSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { MAX_REQUESTS } from '../../../src/engine/messages.ts';
import type { ConnectMessage, ReplyPacket } from '../../../src/engine/messages.ts';
import { EgressPolicy } from '../../../src/network/egress.ts';
import { Peers } from '../../../src/network/peers.ts';
import { packetSocketPair, receiveDescriptor, sendDescriptor } from '../../../src/os/descriptor-passing.ts';
import { inNewNamespace } from '../../../src/os/network-namespace.ts';
import { SOCK_STREAM, openSocket } from '../../../src/os/socket.ts';
import { OutboundBroker } from '../../../src/sandbox/outbound.ts';
import { SocketChannel } from '../../../src/sandbox/socket-channel.ts';
import { State } from '../../../src/sandbox/state.ts';
import { openDescriptors } from '../../helpers/cli.ts';

const AF_INET = 2;
const EACCES = 13;
const ECONNREFUSED = 111;

interface Lab extends Disposable {
  readonly broker: OutboundBroker;
  /** The engine's end of the channel. */
  readonly engine: number;
  readonly inside: number;
}

const openLab = (): Lab => {
  const [supervisor, engine] = packetSocketPair();
  const channel = new SocketChannel(supervisor);
  const { inside, namespace } = inNewNamespace(() => ({
    inside: openSocket(AF_INET, SOCK_STREAM),
    namespace: statSync('/proc/thread-self/ns/net', { bigint: true }),
  }));
  const broker = new OutboundBroker({
    channel,
    policy: new EgressPolicy({ mode: 'none', rules: [], hostAddresses: () => [] }),
    namespace,
    sandboxAddress: undefined,
    peers: new Peers([]),
    ownId: '0123456789ab',
    state: new State('none'),
    onRefused: () => {},
  });
  return {
    broker,
    engine,
    inside,
    [Symbol.dispose]() {
      channel[Symbol.dispose]();
      for (const fd of [engine, inside]) closeSync(fd);
    },
  };
};

const reply = async (engine: number): Promise<ReplyPacket> => {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return JSON.parse(receiveDescriptor(engine)!.text) as ReplyPacket;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
};

test('a socket of the host is not connected to the host’s loopback', async () => {
  const service = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => service.once('listening', resolve));
  const { port } = service.address() as AddressInfo;
  let arrived = 0;
  service.on('connection', () => (arrived += 1));
  const before = openDescriptors();
  {
    using lab = openLab();
    const smuggled = openSocket(AF_INET, SOCK_STREAM);
    for (const [socket, errno] of [
      [smuggled, EACCES],
      // Its own socket is connected in its own namespace, where nobody listens (and lo is down).
      [lab.inside, 101],
    ] as const) {
      sendDescriptor(lab.engine, 'connect', socket);
      expect(lab.broker.answer({ ...connectMessage(7), address: '127.0.0.1', port })).toBe(true);
      expect(await reply(lab.engine)).toEqual({ kind: 'reply', id: 7, errno });
    }
    closeSync(smuggled);
  }
  expect(openDescriptors()).toBe(before);
  expect(arrived).toBe(0);
  await new Promise((resolve) => service.close(resolve));
});

const connectMessage = (id: number): ConnectMessage => ({
  type: 'connect',
  id,
  protocol: 'tcp',
  address: '203.0.113.1',
  port: 1,
});

test('a request without its socket, the same one twice, or too many at once are none of ours', async () => {
  using lab = openLab();
  expect(lab.broker.answer(connectMessage(1))).toBe(false);
  using other = openLab();
  sendDescriptor(other.engine, 'connect', other.inside);
  expect(other.broker.answer(connectMessage(1))).toBe(true);
  expect(other.broker.answer({ type: 'resolve', id: 1, name: 'localhost' })).toBe(false);
  expect(await reply(other.engine)).toEqual({ kind: 'reply', id: 1, errno: ECONNREFUSED });

  using busy = openLab();
  for (let id = 1; id <= MAX_REQUESTS; id += 1) {
    sendDescriptor(busy.engine, 'connect', busy.inside);
    expect(busy.broker.answer(connectMessage(id))).toBe(true);
  }
  expect(busy.broker.answer({ type: 'resolve', id: MAX_REQUESTS + 1, name: 'localhost' })).toBe(false);
});
