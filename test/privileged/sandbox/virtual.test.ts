/** Sandboxes without a namespace: the ports of their guests are no ports of this machine. */
import { randomInt } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childrenOf, newPrefix, remains, startCli, runCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';
import { startHostService } from '../network/test-network.ts';

const GREETING = 'Hello from inside the sandbox\n';
const get = async (url: string): Promise<string> => (await fetch(url)).text();

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

/** Below those that the kernel gives to host ports. */
const newPort = (): number => randomInt(10_000, 30_000);

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => socket.destroy() && resolve(true)).on('error', () => resolve(false));
  });

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect(await run.ended).toMatchObject({ status: 143, signal: null });
};

const serve = (port: number, ...rest: string[]): CliRun =>
  startCli(
    ['os', guestPath('hello-wasmedge'), '--isolation', 'virtual', '--forward', String(port), ...rest],
    { prefix },
  );

test.each([
  ['everywhere', []],
  ['on their own 127.0.0.1', ['127.0.0.1']],
])('three guests listen on one port at once, %s, and each is reached', async (_where, address) => {
  const port = newPort();
  const runs = [1, 2, 3].map(() => serve(port, '--', String(port), ...address));
  const urls = await Promise.all(runs.map((run) => run.url()));
  expect(new Set(urls).size).toBe(3);
  for (const url of urls) {
    expect(await get(url)).toBe(GREETING);
    expect(await get(url.replace('localhost', '[::1]'))).toBe(GREETING);
  }
  expect(await isOpen(port)).toBe(false);
  await Promise.all(runs.map(stop));
});

test.each(['hello-preview1', 'hello-wasix'])('%s serves too', async (guest) => {
  const args = ['os', guestPath(guest), '--isolation', 'virtual', '--forward', '3000'];
  await using run = startCli(args, { prefix });
  const [, url, transport] = await run.printed(/^(http\S+) → \S+ {2}(\S+)$/m);
  expect(transport).toBe('handoff');
  expect(await get(url!)).toBe(GREETING);
  expect(run.stderr()).toContain('(isolation virtual)');
  await stop(run);
});

test('one without a forward listens, and nobody can tell', async () => {
  const port = newPort();
  const args = ['os', guestPath('hello-wasmedge'), '--isolation', 'virtual', '--', String(port)];
  await using run = startCli(args, { prefix });
  await run.printed(/listening on/);
  expect(await isOpen(port)).toBe(false);
  await stop(run);
});

describe('the engine', () => {
  test('is an ordinary user behind the system call filter, in the network of the host', async () => {
    await using run = serve(3000);
    await run.url();
    const [engine] = childrenOf(run.process.pid!);
    const status = readFileSync(`/proc/${engine}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t(?!0\b)(\d+)\t\1\t\1\t\1$/m);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
      expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(readlinkSync(`/proc/${engine}/ns/net`)).toBe(readlinkSync('/proc/self/ns/net'));
    await stop(run);
  });

  test('lets the guest connect to no service of the host', async () => {
    await using service = await startHostService('127.0.0.1');
    const client = ['os', guestPath('client-wasmedge'), '--isolation', 'virtual', '--', '127.0.0.1'];
    expect((await runCli([...client, String(service.port)], { prefix })).stdout).toMatch(
      /connect E(ACCES|CONNREFUSED)/,
    );
  });
});

test('an ordinary user has it too, also where user namespaces are forbidden', async () => {
  using user = new OrdinaryUser();
  const forbid = ['unshare', '--user', '--map-current-user', '--keep-caps', '--', 'sh', '-c'];
  const script =
    'echo 0 >/proc/sys/user/max_user_namespaces || exit 99; exec setpriv --inh-caps=-all --ambient-caps=-all "$@"';
  const args = ['os', user.guest('hello-wasmedge'), '--isolation', 'virtual', '--forward', '3000'];
  await using run = user.start(args, { prefix, through: [...forbid, script, 'sh'] });
  expect(await get(await run.url())).toBe(GREETING);
  await stop(run);
  expect(user.remains(prefix)).toEqual([]);
});

test('the kernel redirects to no virtual port', async () => {
  const args = ['os', guestPath('hello-wasmedge'), '--isolation', 'virtual', '--transport', 'nftables'];
  const end = await runCli(args, { prefix });
  expect(end.status).toBe(125);
  expect(end.stderr).toMatch(/^error: the transport nftables does not work with the isolation virtual: /m);
});

test('`auto` never chooses it here', async () => {
  await using run = startCli(['os', guestPath('hello-wasmedge'), '--forward', '3000', '--json'], { prefix });
  await run.printed(/"type":"forward"/);
  run.process.kill('SIGTERM');
  const { stdout } = await run.ended;
  expect(stdout).toContain('"isolation":"namespace"');
});
