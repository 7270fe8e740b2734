/** How many connections run through a forward, what went through them, and how they are ended at once. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../../src/log.ts';
import { ConnectionCount } from '../../../src/network/forward-connections.ts';
import { forgetFlows } from '../../../src/os/connection-tracking.ts';
import { FIREWALLS, ISOLATIONS, transportsFor } from '../../../src/platform.ts';
import type { RequestedForward, SandboxDefinition } from '../../../src/sandbox/definition.ts';
import { Sandbox } from '../../../src/sandbox/sandbox.ts';
import { eventually, newPrefix, remains } from '../../helpers/cli.ts';
import { ask, openClient } from '../../helpers/datagram-client.ts';
import { guestPath } from '../../helpers/engine.ts';
import { defineHello } from '../../helpers/hello-sandbox.ts';

const LOCALHOST = ['127.0.0.1', '::1'];
const WAYS: readonly [string, Partial<SandboxDefinition>][] = [
  ['nftables', { transport: 'nftables' }],
  ['iptables', { transport: 'iptables' }],
  ['handoff', { transport: 'handoff' }],
  ['a user namespace', { isolation: 'user-namespace', user: undefined }],
  ['no namespace', { isolation: 'virtual' }],
];

const forwardTo = (processPort: number, protocol: 'tcp' | 'udp' = 'tcp'): RequestedForward => ({
  protocol,
  addresses: LOCALHOST,
  hostPort: 0,
  processPort,
});

interface Started {
  readonly sandbox: Sandbox;
  readonly definition: SandboxDefinition;
  /** What the guest has printed. */
  readonly output: () => string;
}

/** Starts a guest whose forwards are all open; asserts at the end that nothing is left. */
const start = async (
  guest: string,
  args: readonly string[],
  changes: Partial<SandboxDefinition> & Pick<SandboxDefinition, 'forwards'>,
): Promise<Started> => {
  const prefix = newPrefix();
  let open = 0;
  let output = '';
  const definition = defineHello(prefix, { module: guestPath(guest), args: [guest, ...args], ...changes });
  const sandbox = await Sandbox.start(definition, {
    log: silentLog,
    isolations: ISOLATIONS,
    firewalls: FIREWALLS,
    transports: transportsFor('linux'),
    onEvent: (event) => {
      if (event.type === 'forward') open += 1;
      if (event.type === 'output') output += event.text;
    },
    captureOutput: true,
    // Versions may follow each other.
    onGuestEnd: () => {},
  });
  onTestFinished(async () => {
    await sandbox[Symbol.asyncDispose]();
    expect(remains(prefix)).toEqual([]);
  });
  expect(await eventually(() => open === changes.forwards.length)).toBe(true);
  return { sandbox, definition, output: () => output };
};

/** Connected, and with `open`. */
const open = async (port: number, host = '127.0.0.1'): Promise<Socket> => {
  const socket = connect(port, host).on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
};

const echo = async (socket: Socket, text: string): Promise<void> => {
  socket.write(text);
  let answer = '';
  while (answer.length < text.length) answer += String((await once(socket, 'data'))[0]);
  expect(answer).toBe(text);
};

/** Resolves when the other side has ended it, either way. */
const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (socket.closed) return resolve();
    return socket.resume().on('close', () => resolve());
  });

const portsOf = (sandbox: Sandbox): [number, number] =>
  sandbox.forwards.map(({ hostPort }) => hostPort) as [number, number];

const counts = (sandbox: Sandbox): (number | undefined)[] => {
  const count = new ConnectionCount();
  return sandbox.forwards.map((forward) => count.through(forward));
};

describe.each(WAYS)('two forwards to one process port by %s', (_name, way) => {
  test('are told apart by their connections', async () => {
    const { sandbox } = await start('echo-wasmedge', ['3000'], {
      ...way,
      forwards: [forwardTo(3000), forwardTo(3000)],
    });
    const [one, other] = portsOf(sandbox);
    expect(counts(sandbox)).toEqual([0, 0]);
    const sockets = [await open(one), await open(one), await open(one, '::1'), await open(other)];
    for (const socket of sockets) await echo(socket, 'here');
    expect(counts(sandbox)).toEqual([3, 1]);
    sockets[1]!.destroy();
    expect(await eventually(() => counts(sandbox)[0] === 2)).toBe(true);
    expect(counts(sandbox)).toEqual([2, 1]);
  });

  test('one is closed and cut, the other goes on', async () => {
    const { sandbox } = await start('echo-wasmedge', ['3000'], {
      ...way,
      forwards: [forwardTo(3000), forwardTo(3000)],
    });
    const [one, other] = portsOf(sandbox);
    const cut = [await open(one), await open(one), await open(one, '::1')];
    const kept = [await open(other), await open(other)];
    for (const socket of [...cut, ...kept]) await echo(socket, 'before');
    await sandbox.ports.close(({ forward }) => forward.hostPort === one, { cut: true });
    await Promise.all(cut.map(ended));
    for (const socket of kept) await echo(socket, 'after');
    expect(counts(sandbox)).toEqual([2]);
    const late = connect(one, '127.0.0.1');
    await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
    // The next client of the other one is served, too.
    await echo(await open(other), 'new');
  });

  test('without the cut its connections go on', async () => {
    const { sandbox } = await start('echo-wasmedge', ['3000'], { ...way, forwards: [forwardTo(3000)] });
    const [port] = portsOf(sandbox);
    const sockets = [await open(port), await open(port, '::1')];
    for (const socket of sockets) await echo(socket, 'before');
    await sandbox.ports.close(() => true);
    for (const socket of sockets) await echo(socket, 'after');
  });
});

/** A guest that does not come back to its host once it was sent something. */
const startSpinner = async (): Promise<Sandbox & { spin(client: Socket): Promise<void> }> => {
  const { sandbox, output } = await start('spinner-wasmedge', ['3000'], { forwards: [forwardTo(3000)] });
  const spin = async (client: Socket): Promise<void> => {
    client.write('spin');
    expect(await eventually(() => output().includes('spinning'))).toBe(true);
  };
  return Object.assign(sandbox, { spin });
};

test('a cut does not wait for a guest that computes', async () => {
  const sandbox = await startSpinner();
  const [port] = portsOf(sandbox);
  const sockets = [await open(port), await open(port, '::1')];
  await sandbox.spin(sockets[0]!);
  await sandbox.ports.close(() => true, { cut: true });
  await Promise.all(sockets.map(ended));
});

test('a host port is nobody’s once it is closed, also where the guest computes', async () => {
  const sandbox = await startSpinner();
  const [port] = portsOf(sandbox);
  const client = await open(port);
  await sandbox.spin(client);
  const late = await open(port, '::1');
  await sandbox.ports.close(() => true);
  await ended(late);
  // It was accepted, and is not cut.
  expect(client.closed).toBe(false);
  for (const host of LOCALHOST)
    await expect(once(connect(port, host), 'connect')).rejects.toThrow('ECONNREFUSED');
  await sandbox.ports.expose({ ...forwardTo(3000), hostPort: port });
});

test.each(['echo-wasmedge', 'hello-wasix', 'hello-preview1'])(
  '%s, frozen while a forward is closed, serves the others when it goes on',
  async (guest) => {
    const { sandbox } = await start(guest, ['3000'], {
      transport: 'handoff',
      forwards: [forwardTo(3000), forwardTo(3000)],
    });
    const [one, other] = portsOf(sandbox);
    const engine = sandbox.generation.pid!;
    process.kill(engine, 'SIGSTOP');
    await sandbox.ports.close(({ forward }) => forward.hostPort === one, { cut: true });
    await expect(once(connect(one, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    process.kill(engine, 'SIGCONT');
    const client = await open(other);
    client.write('GET / HTTP/1.0\r\n\r\n');
    expect(String((await once(client, 'data'))[0])).not.toBe('');
    expect(sandbox.generation.isOver).toBe(false);
  },
);

test('a redirected connection that the kernel has forgotten is reset when its client says something', async () => {
  const { sandbox } = await start('echo-wasmedge', ['3000'], { forwards: [forwardTo(3000)] });
  const [port] = portsOf(sandbox);
  const socket = await open(port);
  await echo(socket, 'before');
  await sandbox.ports.close(() => true);
  expect(forgetFlows({ protocol: 'tcp', address: '127.0.0.1', port })).toBe(1);
  socket.write('anybody?');
  await ended(socket);
});

describe.each(WAYS)('traffic by %s', (_name, way) => {
  test('of TCP is counted byte by byte, of all versions together', async () => {
    const { sandbox, definition } = await start('echo-wasmedge', ['3000'], {
      ...way,
      forwards: [forwardTo(3000)],
    });
    const [port] = portsOf(sandbox);
    const talk = async (): Promise<void> => {
      for (const host of LOCALHOST) {
        const socket = await open(port, host);
        await echo(socket, 'twelve bytes');
        socket.destroy();
      }
    };
    const expected = { protocol: 'tcp', port: 3000 };
    expect(await sandbox.traffic()).toEqual([{ ...expected, accepted: 0, received: 0, sent: 0 }]);
    await talk();
    expect(await sandbox.traffic()).toEqual([{ ...expected, accepted: 2, received: 24, sent: 24 }]);
    for (const mode of ['overlap', 'restart'] as const) {
      await sandbox.replace({ definition, mode, graceMs: 1000 });
      await talk();
    }
    expect(await sandbox.traffic()).toEqual([{ ...expected, accepted: 6, received: 72, sent: 72 }]);
  });

  test('of UDP is counted datagram by datagram', async () => {
    const { sandbox } = await start('udp-wasmedge', ['server', '53'], {
      ...way,
      forwards: [forwardTo(53, 'udp')],
    });
    const [port] = portsOf(sandbox);
    for (const host of LOCALHOST) await ask('six by', host, port, openClient(host));
    const expected = { protocol: 'udp', port: 53 };
    expect(await sandbox.traffic()).toEqual([{ ...expected, accepted: 2, received: 12, sent: 12 }]);
  });
});

test.each(['nftables', 'handoff'] as const)('clients of UDP by %s are counted', async (transport) => {
  const { sandbox } = await start('udp-wasmedge', ['server', '53'], {
    transport,
    forwards: [forwardTo(53, 'udp'), forwardTo(53, 'udp')],
  });
  const [one, other] = portsOf(sandbox);
  for (const host of [...LOCALHOST, '127.0.0.1']) await ask('who?', host, one, openClient(host));
  await ask('who?', '127.0.0.1', other);
  expect(counts(sandbox)).toEqual([3, 1]);
});

test('traffic of a guest that computes is what was known before', async () => {
  const sandbox = await startSpinner();
  const [port] = portsOf(sandbox);
  const socket = await open(port);
  const known = [{ protocol: 'tcp', port: 3000, accepted: 1, received: 0, sent: 0 }];
  await expect.poll(() => sandbox.traffic()).toEqual(known);
  await sandbox.spin(socket);
  expect(await sandbox.traffic()).toEqual(known);
});
