/**
 * What a guest inside a real sandbox can reach, tried by a guest: nothing but itself. Each guest first
 * connects to a listener of its own, so that a refusal is known to be one of the wall.
 */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WASI } from '../../../src/engine/errno.ts';
import { newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { words } from '../../helpers/call-guest.ts';
import { guestPath } from '../../helpers/engine.ts';
import { ModuleFolder, OP, call, code, i32 } from '../../helpers/wasm-encoder.ts';
import type { ModuleParts } from '../../helpers/wasm-encoder.ts';
import { interfaces, startHostService } from '../network/test-network.ts';

/** A SYN that nobody answers is repeated after 1 s: so much for all attempts together means none was. */
const AT_ONCE_MS = 1000;
/** What the kernel, the firewall and the system call filter say; all are fine, silence is not. */
const REFUSALS = new Set<number>([
  WASI.ECONNREFUSED,
  WASI.ENETUNREACH,
  WASI.EHOSTUNREACH,
  WASI.EACCES,
  WASI.EPERM,
]);

interface Target {
  readonly what: string;
  readonly ip: string;
  readonly port: number;
}

const signatures = {
  sock_open: ['i32', 'i32', 'i32'],
  sock_bind: ['i32', 'i32', 'i32'],
  sock_listen: ['i32', 'i32'],
  sock_connect: ['i32', 'i32', 'i32'],
  sock_send_to: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
  fd_write: ['i32', 'i32', 'i32', 'i32'],
} as const;
const NAMES = Object.keys(signatures) as (keyof typeof signatures)[];
const host = (name: keyof typeof signatures, ...values: (number | readonly number[])[]): number[] =>
  code(...values.map((value) => (typeof value === 'number' ? i32(value) : value)), call(NAMES.indexOf(name)));

/** WasmEdge's numbers; see docs/socket-abis.md. */
const INET4 = 1;
const DATAGRAM = 1;
const STREAM = 2;
const OWN_PORT = 7;
const FD_AT = 16;
const ANSWERS_AT = 32;
const OUTPUT_AT = 512;
const ADDRESSES_AT = 1024;
const ADDRESS_SIZE = 16;
/** Makes an errno a character one can see. */
const FIRST_CHARACTER = 33;
const LOAD_FD = code(i32(FD_AT), OP.load32, 2, 0);

/**
 * Listens on its own loopback, connects there and to every target, sends each a datagram too, and prints
 * the errno of each connection as one character, then those of the datagrams.
 */
const attacker = (targets: readonly Target[]): ModuleParts => {
  const all = [{ what: 'itself', ip: '127.0.0.1', port: OWN_PORT }, ...targets];
  const addressAt = (index: number): number => ADDRESSES_AT + ADDRESS_SIZE * index;
  const attempt = ({ port }: Target, index: number): number[] =>
    code(
      code(host('sock_open', INET4, STREAM, FD_AT), OP.drop),
      code(i32(ANSWERS_AT + index), host('sock_connect', LOAD_FD, addressAt(index), port)),
      code(i32(FIRST_CHARACTER), OP.add, OP.store8, 0, 0),
      code(host('sock_open', INET4, DATAGRAM, FD_AT), OP.drop, i32(ANSWERS_AT + all.length + index)),
      code(host('sock_send_to', LOAD_FD, OUTPUT_AT, 1, addressAt(index), port, 0, 0)),
      code(i32(FIRST_CHARACTER), OP.add, OP.store8, 0, 0),
    );
  return {
    imports: NAMES.map((name) => ({ name, parameters: signatures[name], results: ['i32'] })),
    data: [
      { at: OUTPUT_AT, bytes: words(ANSWERS_AT, 2 * all.length) },
      ...all.map(({ ip }, index) => ({
        at: addressAt(index),
        bytes: Buffer.concat([words(addressAt(index) + 8, 4), Buffer.from(ip.split('.').map(Number))]),
      })),
    ],
    functions: [
      {
        body: code(
          code(host('sock_open', INET4, STREAM, FD_AT), OP.drop),
          code(host('sock_bind', LOAD_FD, addressAt(0), OWN_PORT), OP.drop),
          code(host('sock_listen', LOAD_FD, 10), OP.drop),
          ...all.map(attempt),
          code(host('fd_write', 1, OUTPUT_AT, 1, OUTPUT_AT + 8), OP.drop),
        ),
      },
    ],
  };
};

/** Addresses for two sandboxes, in the order they are started, that nobody else uses. */
const newPool = (): { pool: string; addresses: readonly string[] } => {
  const network = `10.${randomInt(192, 230)}.${randomInt(256)}`;
  const first = 4 * randomInt(64);
  return {
    pool: `${network}.${first}/30`,
    addresses: [0, 1, 2, 3].map((each) => `${network}.${first + each}`),
  };
};

/** An address of this machine in a network of its own, where it has one. */
const ownAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flat()
    .flatMap((each) => (each?.family === 'IPv4' && !each.internal ? [each.address] : []));

let prefix = '';
let folder: ModuleFolder;
beforeAll(() => {
  folder = new ModuleFolder();
});
afterAll(() => folder[Symbol.dispose]());
beforeEach(() => {
  prefix = newPrefix();
});
// Only what a failed test has left behind.
afterEach(() => runCli(['gc'], { prefix }));

/** What a guest in another sandbox is told by itself and each target, by TCP and by UDP. */
const attack = async (
  transport: string,
  pool: string,
  targets: readonly Target[],
): Promise<{ tcp: number[]; udp: number[] }> => {
  const module = folder.write(attacker(targets));
  const args = [
    'os',
    module,
    '--name',
    'attacker',
    '--forward',
    '3000',
    '--transport',
    transport,
    '--verbose',
  ];
  await using run = startCli(args, { prefix, env: { WASMRUN_ADDRESS_POOL: pool } });
  await run.printed(/ ms {2}go$/m);
  const begin = performance.now();
  const end = await run.ended;
  expect(end.status).toBe(0);
  expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS);
  const answers = end.stdout.split('').map((character) => character.charCodeAt(0) - FIRST_CHARACTER);
  expect(answers).toHaveLength(2 * (targets.length + 1));
  return { tcp: answers.slice(0, targets.length + 1), udp: answers.slice(targets.length + 1) };
};

const startVictim = async (transport: string, pool: string): Promise<CliRun & { port: number }> => {
  const args = [
    'os',
    guestPath('hello-wasmedge'),
    '--name',
    'victim',
    '--forward',
    '3000',
    '--transport',
    transport,
  ];
  const run = startCli(args, { prefix, env: { WASMRUN_ADDRESS_POOL: pool } });
  const port = Number(new URL(await run.url()).port);
  return Object.assign(run, { port });
};

describe.each(['nftables', 'handoff'])('a guest in a sandbox with %s', (transport) => {
  test('reaches itself and nobody else, neither by TCP nor by UDP', async () => {
    const { pool, addresses } = newPool();
    const [victimsHost, victimsOwn, hostAddress] = addresses as [string, string, string];
    await using everywhere = await startHostService('0.0.0.0');
    await using local = await startHostService('127.0.0.1');
    await using datagrams = createSocket('udp4').bind(everywhere.port, '0.0.0.0');
    await once(datagrams, 'listening');
    let received = 0;
    datagrams.on('message', () => (received += 1));
    await using victim = await startVictim(transport, pool);
    const targets: Target[] = [
      { what: 'a service on the host’s loopback', ip: '127.0.0.1', port: local.port },
      { what: 'a service on all addresses, by loopback', ip: '127.0.0.1', port: everywhere.port },
      { what: 'a service on all addresses, by the veth', ip: hostAddress, port: everywhere.port },
      { what: 'a loopback service, by the veth', ip: hostAddress, port: local.port },
      { what: 'a closed port of the host', ip: hostAddress, port: 9 },
      ...ownAddresses().map((ip) => ({ what: 'another address of the host', ip, port: everywhere.port })),
      { what: 'the other sandbox', ip: victimsOwn, port: 3000 },
      { what: 'the host’s end of the other sandbox', ip: victimsHost, port: everywhere.port },
      { what: 'the other sandbox’s forward, by loopback', ip: '127.0.0.1', port: victim.port },
      { what: 'the other sandbox’s forward, by the veth', ip: hostAddress, port: victim.port },
      { what: 'the metadata service of clouds', ip: '169.254.169.254', port: 80 },
      { what: 'the Internet', ip: '203.0.113.1', port: 80 },
      { what: 'everybody', ip: '255.255.255.255', port: 80 },
    ];

    const { tcp, udp } = await attack(transport, pool, targets);

    expect([tcp.shift(), udp.shift()]).toEqual([WASI.SUCCESS, WASI.SUCCESS]);
    for (const [index, { what }] of targets.entries())
      expect(REFUSALS, `${what}: ${tcp[index]}`).toContain(tcp[index]);
    // A datagram may be sent; it must not arrive.
    expect(received).toBe(0);
    // The services do answer those who may ask.
    expect(await (await fetch(`http://127.0.0.1:${victim.port}/`)).text()).toContain('Hello');
    datagrams.send('x', everywhere.port, '127.0.0.1');
    await once(datagrams, 'message');
    victim.process.kill('SIGTERM');
    await victim.ended;
    expect(remains(prefix)).toEqual([]);
  });
});

/** Where nft is, and libnftables. */
const LIBRARIES = globSync('/usr/lib/*/libnftables.so*');
const BIN = fileURLToPath(new URL('../../../bin/wasmrun.cjs', import.meta.url));
/** Covers each file up to `--`, then becomes the command behind it. */
const COVER =
  'while [ "$1" != -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done; shift; exec "$@"';

/** Runs wasmrun where neither libnftables nor any command of the firewall can be found. */
const runWithoutFirewall = (args: readonly string[]): ReturnType<typeof execFile> =>
  execFile(
    'unshare',
    ['--mount', 'sh', '-c', COVER, 'sh', ...LIBRARIES, '--', process.execPath, BIN, ...args],
    {
      env: { PATH: '/usr/bin:/bin', NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
    },
  );

describe('without a firewall', () => {
  test('everything works by handoff, one line says so, and there is no link to the host', async () => {
    expect(LIBRARIES.length).toBeGreaterThan(0);
    expect(existsSync('/usr/bin/nft')).toBe(false);
    const run = runWithoutFirewall(['os', guestPath('hello-wasmedge'), '--forward', '3000']);
    let stderr = '';
    run.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    try {
      const url = await new Promise<string>((resolve, reject) => {
        const look = (): void => {
          const found = /^(http\S+) → \S+ {2}handoff$/m.exec(stderr);
          if (found !== null) resolve(found[1]!);
        };
        run.stderr!.on('data', look);
        run.once('exit', () => reject(new Error(`ended: ${stderr}`)));
      });
      expect(await (await fetch(url)).text()).toBe('Hello from inside the sandbox\n');
      expect(interfaces().filter((name) => name.startsWith(prefix))).toEqual([]);
      expect(stderr).toMatch(/^.*nftables is not available \(nft is not installed.*\); using handoff$/m);
    } finally {
      run.kill('SIGTERM');
      await once(run, 'exit');
    }
    const client = runWithoutFirewall(['os', guestPath('client-wasmedge'), '--', '127.0.0.1', '9']);
    let stdout = '';
    client.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    await once(client, 'close');
    expect(stdout).toContain('connect ECONNREFUSED');
    expect(client.exitCode).toBe(1);
    expect(remains(prefix)).toEqual([]);
  });
});
