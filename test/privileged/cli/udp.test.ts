/** UDP forwards as users have them: the whole command, every transport, and what is left afterwards. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childrenOf, eventually, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { ask, expectNobody, openClient } from '../../helpers/datagram-client.ts';
import { guestPath } from '../../helpers/engine.ts';
import { nft } from '../network/test-firewall.ts';
import { flowsTo } from '../network/test-network.ts';

const TRANSPORTS = ['nftables', 'iptables', 'handoff'] as const;
const LOCALHOST = ['127.0.0.1', '::1'] as const;

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

/** A pool of one pair of addresses; the sandbox gets the second. */
const pairOfAddresses = (): { pool: string; sandboxAddress: string } => {
  const network = `10.${randomInt(192, 230)}.${randomInt(256)}`;
  const first = 2 * randomInt(64);
  return { pool: `${network}.${first}/31`, sandboxAddress: `${network}.${first + 1}` };
};

interface UdpRun extends AsyncDisposable {
  readonly run: CliRun;
  readonly hostPort: number;
  readonly carrier: string;
  readonly sandboxAddress: string;
}

interface UdpOptions {
  readonly transport?: string;
  readonly guest?: string;
  readonly how?: string;
  /** What the guest binds; `own` is the sandbox's address. */
  readonly bind?: string;
  readonly forward?: string;
  readonly more?: readonly string[];
  /** Where addresses are taken from, instead of a pair of its own. */
  readonly pool?: string;
}

/** A guest that answers on port 53, forwarded. */
const startUdp = async (options: UdpOptions = {}): Promise<UdpRun> => {
  const { transport = 'auto', guest = 'udp-wasmedge', how = 'server', bind = '0.0.0.0' } = options;
  const { pool, sandboxAddress } = pairOfAddresses();
  const forward = ['--forward', options.forward ?? '53/udp'];
  const flags = ['os', guestPath(guest), '--name', 'dns', '--transport', transport, ...forward];
  const run = startCli(
    [...flags, ...(options.more ?? []), '--', how, '53', bind === 'own' ? sandboxAddress : bind],
    { prefix, env: { WASMRUN_ADDRESS_POOL: options.pool ?? pool } },
  );
  const [, hostPort, carrier = ''] = await run.printed(/^\S+:(\d+)\/udp → dns:53\/udp {2}(\S+)$/m);
  return {
    run,
    hostPort: Number(hostPort),
    carrier,
    sandboxAddress,
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
};

/** Stops it as Ctrl-C does; resolves when it has cleaned up. */
const stop = async ({ run }: Pick<UdpRun, 'run'>): Promise<void> => {
  run.process.kill('SIGINT');
  expect((await run.ended).status).toBe(130);
};

/** The address a guest sees clients of the relay at. */
const RELAYED = /^192\.0\.0\.8 port \d+$/;

describe.each(TRANSPORTS)('a UDP forward by %s', (transport) => {
  test.each(['0.0.0.0', '127.0.0.1', 'own'])('leads to a guest that is bound to %s', async (bind) => {
    for (const guest of ['udp-wasmedge', 'udp-wasix']) {
      await using udp = await startUdp({ transport, guest, bind });
      expect(udp.carrier).toBe(transport === 'handoff' ? 'relay' : transport);
      for (const host of LOCALHOST) {
        expect(await ask('hello', host, udp.hostPort)).toBe('hello');
        // By the kernel it is seen at the host's end of the link.
        const isByKernel = host === '127.0.0.1' && transport !== 'handoff';
        const seenAt = await ask('who?', host, udp.hostPort);
        if (isByKernel) expect(seenAt).toMatch(new RegExp(`^10\\..*[02468] port \\d+$`));
        else expect(seenAt).toMatch(RELAYED);
      }
      await stop(udp);
    }
  });

  test('brings many clients at once their own answers, and long datagrams whole', async () => {
    await using udp = await startUdp({ transport, how: 'poller', bind: '127.0.0.1' });
    const clients = Array.from({ length: 60 }, (_, index) => ({
      host: LOCALHOST[index % 2]!,
      text: `client ${index}`,
    }));
    const answers = clients.map(({ text, host }) => ask(text, host, udp.hostPort));
    expect(await Promise.all(answers)).toEqual(clients.map(({ text }) => text));
    for (const host of LOCALHOST) {
      const long = host.repeat(65_507).slice(0, 65_507);
      expect((await ask(long, host, udp.hostPort)) === long).toBe(true);
      expect(await ask('', host, udp.hostPort)).toBe('');
    }
    await stop(udp);
  });

  test('leaves no port and no redirected flow behind; the same client reaches the next sandbox', async () => {
    const client = openClient('127.0.0.1').bind(0, '127.0.0.1');
    const first = await startUdp({ transport });
    expect(await ask('first', '127.0.0.1', first.hostPort, client)).toBe('first');
    await stop(first);
    if (transport !== 'handoff') expect(flowsTo(first.hostPort)).toEqual([]);
    await expectNobody('127.0.0.1', first.hostPort);

    await using second = await startUdp({ transport, forward: `${first.hostPort}:53/udp` });
    expect(second.sandboxAddress).not.toBe(first.sandboxAddress);
    expect(await ask('second', '127.0.0.1', second.hostPort, client)).toBe('second');
    await stop(second);
  });
});

/** Descriptors of a process that are one of these sockets. */
const descriptorsOf = (pid: number, inodes: readonly string[]): string[] =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    return inodes.some((inode) => target === `socket:[${inode}]`);
  });

test('no UDP socket of the host is in the engine’s hands', async () => {
  await using udp = await startUdp({ transport: 'handoff' });
  const port = udp.hostPort.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local]) => local?.endsWith(`:${port}`))
      .flatMap((row) => row[9] ?? []),
  );
  expect(inodes).toHaveLength(2);
  const supervisor = udp.run.process.pid!;
  const [engine] = childrenOf(supervisor);
  expect(descriptorsOf(supervisor, inodes)).toHaveLength(2);
  expect(descriptorsOf(engine!, inodes)).toEqual([]);
  await stop(udp);
});

test('when someone flushes the rules, clients are answered on, old and new; then the rules are back', async () => {
  await using udp = await startUdp({ transport: 'nftables' });
  const old = openClient('127.0.0.1');
  expect(await ask('before', '127.0.0.1', udp.hostPort, old)).toBe('before');
  nft('delete', 'table', 'inet', prefix);
  expect(await ask('who?', '127.0.0.1', udp.hostPort)).toMatch(RELAYED);
  expect(await ask('after', '127.0.0.1', udp.hostPort, old)).toBe('after');
  await udp.run.printed(/someone removed the nftables rules/);
  expect(await ask('who?', '127.0.0.1', udp.hostPort)).not.toMatch(RELAYED);
  expect(await ask('at last', '127.0.0.1', udp.hostPort, old)).toBe('at last');
  await stop(udp);
});

test('kill -9 of the supervisor: the sweep forgets the flows too', async () => {
  const udp = await startUdp({ transport: 'nftables' });
  expect(await ask('hello', '127.0.0.1', udp.hostPort)).toBe('hello');
  udp.run.process.kill('SIGKILL');
  await udp.run.ended;
  expect(flowsTo(udp.hostPort)).not.toEqual([]);
  expect((await runCli(['gc'], { prefix })).status).toBe(0);
  expect(flowsTo(udp.hostPort)).toEqual([]);
});

test('a busy port names its owner and touches nothing', async () => {
  const owner = openClient('127.0.0.1').bind(0, '127.0.0.1');
  await once(owner, 'listening');
  const { port } = owner.address();
  const args = ['os', guestPath('udp-wasmedge'), '--forward', `${port}:53/udp`];
  const end = await runCli(args, { prefix });
  expect(end.status).toBe(125);
  expect(end.stderr).toMatch(
    new RegExp(`^error: host port ${port}/udp is already in use by \\S.* \\(pid ${process.pid}\\)$`, 'm'),
  );
  expect(end.stderr).toMatch(/^hint: .*--forward \d+:53\/udp.*--forward 53\/udp/m);
});

test('TCP and UDP of one number are two forwards, in one sandbox or in two', async () => {
  const web = startCli(['os', guestPath('hello-wasmedge'), '--forward', '3000'], { prefix });
  await using _ = web;
  const url = await web.url();
  const port = Number(new URL(url).port);
  await using udp = await startUdp({ forward: `${port}:53/udp`, pool: '10.231.0.0/16' });
  expect(await ask('hello', '127.0.0.1', port)).toBe('hello');
  expect(await (await fetch(url)).text()).toContain('Hello');
  await stop({ run: web });
  expect(await ask('hello', '127.0.0.1', port)).toBe('hello');
  await stop(udp);

  await using both = await startUdp({ forward: `${port}:53/udp`, more: ['--forward', `${port}:53`] });
  expect(await ask('both', '::1', port)).toBe('both');
  // Nobody accepts, but the port is held.
  const held = connect(port, '127.0.0.1');
  await once(held, 'connect');
  held.destroy();
  await both.run.printed(/nothing listens on process port 53 after 5 s \(dns listens on 53\/udp\)/);
  await stop(both);
}, 90_000);

test('several host ports may lead to one process port, and clients are still told apart', async () => {
  await using udp = await startUdp({
    transport: 'handoff',
    more: ['--forward', '127.0.0.1::53/udp'],
  });
  await eventually(() => udp.run.stderr().match(/ → /g)?.length === 2);
  const ports = [...udp.run.stderr().matchAll(/:(\d+)\/udp → /g)].map(([, port]) => Number(port));
  expect(new Set(ports).size).toBe(2);
  const client = openClient('127.0.0.1');
  const seen = [];
  for (const port of ports) seen.push(await ask('who?', '127.0.0.1', port, client));
  expect(new Set(seen).size).toBe(2);
  await stop(udp);
});

test.each([
  ['[::1]::53/udp', '::1'],
  ['0.0.0.0::53/udp', '127.0.0.1'],
])('%s goes by the relay, and says so', async (forward, host) => {
  await using udp = await startUdp({ forward });
  expect(udp.carrier).toBe('relay');
  expect(await ask('who?', host, udp.hostPort)).toMatch(RELAYED);
  await stop(udp);
});

test('a range of ports', async () => {
  await using udp = await startUdp({ forward: '52-54/udp' });
  expect(await ask('the middle one', '127.0.0.1', udp.hostPort)).toBe('the middle one');
  await stop(udp);
});

test('--json: the event names the protocol', async () => {
  const args = ['os', guestPath('udp-wasix'), '--json', '--forward', '53/udp', '--', 'server', '53'];
  await using run = startCli(args, { prefix });
  const [line] = await run.printed(/^\{"type":"forward".*$/m);
  const event = JSON.parse(line) as { hostPort: number };
  expect(event).toEqual({
    type: 'forward',
    addresses: ['127.0.0.1', '::1'],
    hostPort: expect.any(Number),
    processPort: 53,
    protocol: 'udp',
    transport: 'nftables',
    url: `localhost:${event.hostPort}`,
  });
  await stop({ run });
});

test.each(['hello-preview1', 'environment'])('%s cannot use UDP, and is told so', async (guest) => {
  await using run = startCli(['os', guestPath(guest), '--forward', '53/udp'], { prefix });
  await run.printed(/imports no functions for UDP, so nothing will answer on 53\/udp/);
  run.process.kill('SIGINT');
  await run.ended;
});
