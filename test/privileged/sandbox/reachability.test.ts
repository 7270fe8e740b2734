/** Which way leads to a guest, wherever it listens, and that no other way does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { words } from '../../helpers/call-guest.ts';
import { eventually, newPrefix, remains, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { EMPTY_BLOCK, ModuleFolder, OP, call, code, i32 } from '../../helpers/wasm-encoder.ts';
import type { ModuleParts } from '../../helpers/wasm-encoder.ts';
import { createMachine, fetchFrom } from '../coexistence/machine.ts';
import { enterNamespace, linesOf, probeFromInside } from '../network/test-network.ts';

const BIN = fileURLToPath(new URL('../../../bin/wasmrun.cjs', import.meta.url));
const GREETING = 'Hello from inside the sandbox\n';
const FORWARDED = 3000;
const PRIVATE = 4000;

/** The kind of iptables is told by what is on the PATH. */
const WAYS = [
  { way: 'nftables', transport: 'nftables' },
  { way: 'iptables over nftables', transport: 'iptables', kind: 'iptables-nft' },
  { way: 'iptables-legacy', transport: 'iptables', kind: 'iptables-legacy' },
  { way: 'handoff', transport: 'handoff' },
];

let programs = '';
let folder: ModuleFolder;
beforeAll(() => {
  folder = new ModuleFolder();
  programs = mkdtempSync(join(tmpdir(), 'wasmrun-path-'));
});
afterAll(() => {
  folder[Symbol.dispose]();
  rmSync(programs, { recursive: true });
});

const pathWith = (kind: string | undefined): string => {
  if (kind === undefined) return process.env['PATH'] ?? '';
  const directory = mkdtempSync(join(programs, kind));
  for (const program of ['restore', 'save'])
    symlinkSync(`/usr/sbin/${kind}-${program}`, join(directory, `iptables-${program}`));
  return `${directory}:${process.env['PATH']}`;
};

/** Two pairs of addresses nobody else uses; the first sandbox has the first odd one. */
const newPool = (): { pool: string; first: string } => {
  const network = `10.${randomInt(192, 230)}.${randomInt(256)}`;
  const offset = 4 * randomInt(64);
  return { pool: `${network}.${offset}/30`, first: `${network}.${offset + 1}` };
};

/** `connected`, or the error code. */
const knock = (host: string, port: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => end('connected'));
    socket.on('timeout', () => end('no answer'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });

const stop = async (run: CliRun): Promise<void> => {
  run.process.kill('SIGTERM');
  expect((await run.ended).status).toBe(143);
};

describe.each(WAYS)('by $way', ({ transport, kind }) => {
  test.each(['127.0.0.1', 'its own address', '0.0.0.0'])('a guest on %s only is reached', async (where) => {
    const prefix = newPrefix();
    const { pool, first } = newPool();
    const address = where === 'its own address' ? first : where;
    const env = { WASMRUN_ADDRESS_POOL: pool, PATH: pathWith(kind) };
    const hello = ['os', guestPath('hello-wasmedge'), '--forward', `${FORWARDED}`, '--transport', transport];
    await using run = startCli([...hello, '--', `${FORWARDED}`, address], { prefix, env });
    const { port } = new URL(await run.url());
    // The two streams of a command are read one after the other.
    await expect.poll(run.stdout).toContain(`listening on ${address}`);
    expect(run.stderr()).toMatch(new RegExp(` {2}${transport}$`, 'm'));
    for (const host of ['127.0.0.1', '[::1]', 'localhost'])
      expect(await (await fetch(`http://${host}:${port}/`)).text(), host).toBe(GREETING);
    await stop(run);
    expect(remains(prefix)).toEqual([]);
  });

  test('nothing else on its loopback is, neither from the host nor from a neighbour', async () => {
    const prefix = newPrefix();
    const { pool, first } = newPool();
    const env = { WASMRUN_ADDRESS_POOL: pool, PATH: pathWith(kind) };
    const args = ['--forward', `${FORWARDED}`, '--transport', transport];
    await using run = startCli(['os', folder.write(twoListeners), '--name', 'one', ...args], { prefix, env });
    const { port } = new URL(await run.url());
    const own = enterNamespace(`${prefix}-one`);
    // Both are there, on the loopback; the forwarded one has a companion on the sandbox's address.
    const listening = own.run(() => linesOf('ss', '-Hltn')).join('\n');
    expect(listening).toContain(`127.0.0.1:${FORWARDED} `);
    expect(listening).toContain(`127.0.0.1:${PRIVATE} `);
    expect((await probeFromInside(own, { host: '127.0.0.1', port: PRIVATE })).outcome).toBe('connected');

    expect(await knock('127.0.0.1', Number(port))).toBe('connected');
    expect(await knock(first, FORWARDED)).toBe('connected');
    for (const host of ['127.0.0.1', '::1', first]) expect(await knock(host, PRIVATE)).toBe('ECONNREFUSED');

    const neighbour = ['os', guestPath('hello-wasmedge'), '--name', 'two', ...args];
    await using other = startCli(neighbour, { prefix, env });
    await other.url();
    for (const host of [first, '127.0.0.1'])
      for (const each of [FORWARDED + 1, PRIVATE, Number(port)])
        expect(
          (await probeFromInside(enterNamespace(`${prefix}-two`), { host, port: each })).outcome,
        ).not.toBe('connected');
    await stop(other);
    await stop(run);
    expect(remains(prefix)).toEqual([]);
  });

  test('a sandbox reaches its own ports, and no forward, its own included', async () => {
    const prefix = newPrefix();
    const { pool, first } = newPool();
    const env = { WASMRUN_ADDRESS_POOL: pool, PATH: pathWith(kind) };
    const args = ['os', guestPath('hello-wasmedge'), '--name', 'self', '--forward', `${FORWARDED}`];
    await using run = startCli([...args, '--transport', transport], { prefix, env });
    const port = Number(new URL(await run.url()).port);
    const self = enterNamespace(`${prefix}-self`);
    for (const host of ['127.0.0.1', first])
      expect((await probeFromInside(self, { host, port: FORWARDED })).outcome).toBe('connected');
    const hostAddress = first.replace(/\d+$/, (last) => `${Number(last) - 1}`);
    for (const host of ['127.0.0.1', '::1', first, hostAddress])
      expect((await probeFromInside(self, { host, port })).outcome, host).toBe('ECONNREFUSED');
    await stop(run);
    expect(remains(prefix)).toEqual([]);
  });
});

const signatures = {
  sock_open: ['i32', 'i32', 'i32'],
  sock_bind: ['i32', 'i32', 'i32'],
  sock_listen: ['i32', 'i32'],
  sock_accept: ['i32', 'i32'],
} as const;
const NAMES = Object.keys(signatures) as (keyof typeof signatures)[];
const host = (name: keyof typeof signatures, ...values: (number | readonly number[])[]): number[] =>
  code(...values.map((value) => (typeof value === 'number' ? i32(value) : value)), call(NAMES.indexOf(name)));

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const STREAM = 2;
const FD_AT = 16;
const ADDRESS_AT = 32;
const LOAD_FD = code(i32(FD_AT), OP.load32, 2, 0);

const listen = (port: number): number[] =>
  code(
    code(host('sock_open', INET4, STREAM, FD_AT), OP.drop),
    code(host('sock_bind', LOAD_FD, ADDRESS_AT, port), OP.drop),
    code(host('sock_listen', LOAD_FD, 10), OP.drop),
  );

/** Listens on two ports of its loopback and accepts for ever from the one that is forwarded. */
const twoListeners: ModuleParts = {
  imports: NAMES.map((name) => ({ name, parameters: signatures[name], results: ['i32'] })),
  data: [{ at: ADDRESS_AT, bytes: Buffer.concat([words(ADDRESS_AT + 8, 4), Buffer.from([127, 0, 0, 1])]) }],
  functions: [
    {
      body: code(
        listen(PRIVATE),
        listen(FORWARDED),
        code(OP.loop, EMPTY_BLOCK, host('sock_accept', LOAD_FD, FD_AT + 4), OP.drop, OP.branch, 0, OP.end),
      ),
    },
  ],
};

describe('on a machine with a LAN', () => {
  test.each([
    ['a flag', '0.0.0.0'],
    ['the configuration file', '0.0.0.0'],
    ['a flag', 'the address'],
    ['the configuration file', 'the address'],
  ])('a forward that %s opens on %s is reached by others, as a warning says', async (how, where) => {
    const prefix = newPrefix();
    const app = mkdtempSync(join(tmpdir(), 'wasmrun-app-'));
    {
      await using machine = await createMachine(prefix);
      const { host: lan, neighbour, lanAddress } = machine;
      const bind = where === '0.0.0.0' ? where : lanAddress;
      symlinkSync(guestPath('hello-wasmedge'), join(app, 'hello.wasm'));
      if (how !== 'a flag') writeFileSync(join(app, '.wasmrun.toml'), `[network]\nbind = "${bind}"\n`);
      const args = ['os', app, '--forward', '8080:3000', ...(how === 'a flag' ? ['--bind', bind] : [])];
      await using run = lan.run(() => startCli(args));
      await run.url();
      const reach = `${lanAddress} (${prefix}-lan)`;
      const who = where === '0.0.0.0' ? reach : `that address (${prefix}-lan), not only to this machine`;
      expect(run.stderr()).toContain(
        `warning: forwards on ${bind} are open to everyone who can reach ${who}\n`,
      );
      expect(await fetchFrom(neighbour, `http://${lanAddress}:8080/`)).toBe(GREETING);
      const loopback = await fetchFrom(lan, 'http://127.0.0.1:8080/');
      // 7: refused
      expect(loopback).toBe(where === '0.0.0.0' ? GREETING : 7);
      await stop(run);
    }
    rmSync(app, { recursive: true });
    expect(remains(prefix)).toEqual([]);
  });

  test('a forward on localhost is not reached by others, whatever they try', async () => {
    const prefix = newPrefix();
    {
      await using machine = await createMachine(prefix);
      const { host: lan, neighbour, lanAddress } = machine;
      const pool = newPool();
      const env = { WASMRUN_ADDRESS_POOL: pool.pool };
      await using run = lan.run(() =>
        startCli(['os', guestPath('hello-wasmedge'), '--forward', '8080:3000'], { env }),
      );
      await run.url();
      // The machine routes, and the neighbour sends it everything: loopback, and the sandbox's own address.
      for (const line of [
        'sysctl -qw net.ipv4.conf.all.route_localnet=1',
        'ip address delete 127.0.0.1/8 dev lo',
        'ip rule add pref 0 to 127.0.0.1 lookup 100',
        `ip route add 127.0.0.1 via ${lanAddress} dev eth0 table 100`,
        `ip route add ${pool.first} via ${lanAddress}`,
      ])
        neighbour.run(() => linesOf('sh', '-c', line));
      lan.run(() => linesOf('sysctl', '-qw', 'net.ipv4.ip_forward=1'));
      for (const address of [`${lanAddress}:8080`, '127.0.0.1:8080', `${pool.first}:3000`])
        expect([7, 28], address).toContain(await fetchFrom(neighbour, `http://${address}/`));
      expect(await fetchFrom(lan, 'http://127.0.0.1:8080/')).toBe(GREETING);
      // The attack is a real one: it would get there if wasmrun had opened this interface too.
      lan.run(() => linesOf('sysctl', '-qw', `net.ipv4.conf.${prefix}-lan.route_localnet=1`));
      expect(await fetchFrom(neighbour, 'http://127.0.0.1:8080/')).toBe(GREETING);
      await stop(run);
    }
    expect(remains(prefix)).toEqual([]);
  });
});

describe('ports below 1024', () => {
  test.each(WAYS)('on both sides, by $way', async ({ transport, kind }) => {
    const prefix = newPrefix();
    {
      await using machine = createNamespace(`${prefix}-host`);
      const env = { PATH: pathWith(kind) };
      const args = ['os', guestPath('hello-wasmedge'), '--forward', '80:80', '--transport', transport];
      await using run = machine.run(() => startCli([...args, '--', '80'], { env }));
      await run.url();
      for (const address of ['127.0.0.1', '[::1]'])
        expect(await fetchFrom(machine, `http://${address}/`)).toBe(GREETING);
      await stop(run);
    }
    expect(await eventually(() => remains(prefix).length === 0)).toBe(true);
  });

  test('are refused without the capability for them, until the kernel is told what the hint says', async () => {
    const prefix = newPrefix();
    {
      await using machine = createNamespace(`${prefix}-host`);
      machine.run(() => linesOf('sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=1024'));
      const drop = ['--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service'];
      const wasmrun = [process.execPath, BIN, 'os', guestPath('hello-wasmedge'), '--forward', '80:80'];
      const run = (): ChildProcess =>
        machine.run(() =>
          spawn('setpriv', [...drop, ...wasmrun, '--', '80'], {
            env: { PATH: process.env['PATH'], NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
            stdio: ['ignore', 'ignore', 'pipe'],
          }),
        );
      const refused = run();
      const ended = once(refused, 'exit');
      const said = await text(refused.stderr!);
      expect(said).toContain('error: host port 80 may not be used by this user\n');
      expect(await ended).toEqual([125, null]);
      machine.run(() => linesOf('sh', '-c', /sysctl \S+/.exec(said)?.[0] ?? 'false'));
      const allowed = run();
      await once(allowed.stderr!, 'data');
      expect(
        await eventually(() =>
          machine
            .run(() => linesOf('ss', '-Hltn'))
            .join()
            .includes('127.0.0.1:80 '),
        ),
      ).toBe(true);
      allowed.kill('SIGTERM');
      expect(await once(allowed, 'exit')).toEqual([143, null]);
    }
    expect(remains(prefix)).toEqual([]);
  });
});
