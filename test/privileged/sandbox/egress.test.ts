/**
 * What a guest reaches outside its sandbox, tried by a guest against a world of the test's own: a namespace
 * with a public address (RFC 5737) behind a veth pair.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { SOCK_STREAM, bindSocket, listenSocket, openSocket } from '../../../src/os/socket.ts';
import { BIN, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import type { CliEnd } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { ModuleFolder } from '../../helpers/wasm-encoder.ts';
import { startHostService } from '../network/test-network.ts';

const AF_INET = 2;
const PORT = 443;
const WELCOME = 'greetings from the world\n';

const prefix = newPrefix();
const made = new AsyncDisposableStack();
let world = '';
let hostAddress = '';
let folder: ModuleFolder;

beforeAll(async () => {
  folder = made.use(new ModuleFolder());
  const last = 2 * randomInt(1, 120);
  hostAddress = `203.0.113.${last}`;
  world = `203.0.113.${last + 1}`;
  const namespace = made.use(createNamespace(`${prefix}-world`));
  namespace.connect({ veth: `${prefix}-w`, hostAddress, sandboxAddress: world });
  // A socket stays in the namespace it was made in, so this process can serve there.
  const listener = namespace.run(() => {
    const fd = openSocket(AF_INET, SOCK_STREAM);
    bindSocket(fd, world, PORT);
    listenSocket(fd, 16);
    return fd;
  });
  const visitors = new Set<Socket>();
  const server = createServer((socket) => {
    visitors.add(
      socket
        .on('error', () => {})
        .resume()
        .end(WELCOME),
    );
  }).listen({ fd: listener });
  await once(server, 'listening');
  made.defer(() => {
    for (const visitor of visitors) visitor.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
});
afterEach(() => runCli(['gc'], { prefix }));
afterAll(async () => {
  await made.disposeAsync();
  expect(remains(prefix)).toEqual([]);
});

/** A client guest's whole output. */
const visit = (host: string, port: number, ...flags: string[]): Promise<CliEnd> =>
  runCli(['os', guestPath('client-wasmedge'), ...flags, '--', host, String(port)], { prefix });

describe('by default', () => {
  test('nothing is reached; the guest sees a refusal, the user one line with the way out', async () => {
    const { stdout, stderr, status } = await visit(world, PORT);
    expect(stdout).toContain('connect ECONNREFUSED');
    expect(status).toBe(1);
    const refusals = stderr.split('\n').filter((line) => line.startsWith('refused:'));
    expect(refusals).toEqual([
      `refused: client-wasmedge → ${world}:${PORT}: outbound connections are off (--allow-net ${world}:${PORT})`,
    ]);
  });

  test('names are not looked up', async () => {
    const { stdout, stderr } = await visit('example.org', PORT);
    expect(stdout).toMatch(/^resolve (?!ok)/);
    expect(stderr).toContain('refused: client-wasmedge → example.org: outbound connections are off');
  });

  test('a refusal is an event for programs', async () => {
    const { stdout } = await visit(world, PORT, '--json');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(events.filter(({ type }) => type === 'refused')).toEqual([
      {
        type: 'refused',
        destination: `${world}:${PORT}`,
        reason: 'outbound connections are off',
        remedy: `--allow-net ${world}:${PORT}`,
      },
    ]);
  });
});

describe('--allow-net', () => {
  test.each(['client-wasmedge', 'client-wasix'])('%s reaches what is allowed', async (guest) => {
    const args = ['os', guestPath(guest), '--allow-net', `${world}:${PORT}`, '--', world, String(PORT)];
    const { stdout, stderr, status } = await runCli(args, { prefix });
    expect(stdout).toContain(`address ${world} port ${PORT}`);
    expect(stdout).toContain(`peer ${world} port ${PORT}`);
    expect(stdout).toContain(WELCOME);
    expect(stderr).not.toContain('refused');
    expect(status).toBe(0);
  });

  test('reaches what is allowed out of the host’s own network, too', async () => {
    const rule = ['--allow-net', `${world}:${PORT}`, '--isolation', 'virtual'];
    expect((await visit(world, PORT, ...rule)).stdout).toContain(WELCOME);
    const other = await visit(world, 80, ...rule);
    expect(other.stdout).toContain('connect ECONNREFUSED');
    expect(other.stderr).toContain(`→ ${world}:80: no rule allows it`);
  });

  test('means that port of that network, and no other', async () => {
    const rule = ['--allow-net', '203.0.113.0/24:443'];
    expect((await visit(world, PORT, ...rule)).stdout).toContain(WELCOME);
    const other = await visit(world, 80, ...rule);
    expect(other.stdout).toContain('connect ECONNREFUSED');
    expect(other.stderr).toContain(`→ ${world}:80: no rule allows it`);
  });

  test('an allowed place where nobody listens refuses by itself, without a word of ours', async () => {
    const { stdout, stderr } = await visit(world, 80, '--allow-net', world);
    expect(stdout).toContain('connect ECONNREFUSED');
    expect(stderr).not.toContain('refused:');
  });

  test('works the same where the file says so', async () => {
    const file = join(folder.path, '.wasmrun.toml');
    await writeFile(
      file,
      `[app]\nmodule = "${guestPath('client-wasmedge')}"\n[network.egress]\nallow = ["${world}"]\n`,
    );
    const { stdout } = await runCli(['os', folder.path, '--', world, String(PORT)], { prefix });
    expect(stdout).toContain(WELCOME);
  });

  test('a wrong rule is an error before anything is touched', async () => {
    const { stderr, status } = await visit(world, PORT, '--allow-net', 'https://example.org');
    expect(stderr).toContain('flag --allow-net: outbound rule "https://example.org"');
    expect(status).toBe(2);
  });
});

describe('--outbound all', () => {
  test('reaches the world, but neither this machine nor other sandboxes nor private ranges', async () => {
    await using service = await startHostService('0.0.0.0');
    await using other = startCli(
      ['os', guestPath('hello-wasmedge'), '--name', 'other', '--forward', '3000'],
      {
        prefix,
      },
    );
    const [, address] = await other.printed(/^other {2}([\d.]+)/m);
    const isWorldReached = await visit(world, PORT, '--outbound', 'all');
    expect(isWorldReached.stdout).toContain(WELCOME);
    for (const [host, port] of [
      [hostAddress, service.port],
      [address!, 3000],
      ['169.254.169.254', 80],
      ['192.168.255.254', 80],
    ] as const) {
      const { stdout, stderr } = await visit(host, port, '--outbound', 'all');
      expect(stdout, host).toContain('connect ECONNREFUSED');
      expect(stderr, host).toMatch(/refused: .*: it is (a private or special address|this machine)/);
    }
  });

  test('reaches the forward of a sandbox by the host’s address where a rule names that', async () => {
    const forward = ['--forward', `${hostAddress}::3000`];
    await using other = startCli(['os', guestPath('hello-wasmedge'), ...forward], { prefix });
    const port = Number(new URL(await other.url()).port);
    const { stdout } = await visit(hostAddress, port, '--allow-net', `${hostAddress}:${port}`);
    expect(stdout).toContain('Hello from inside the sandbox');
  });
});

describe('rules by name', () => {
  /** Runs a guest where /etc/hosts is a file of the test. */
  const visitWithHosts = async (hosts: string, host: string, ...flags: string[]): Promise<CliEnd> => {
    const file = join(folder.path, 'hosts');
    await writeFile(file, hosts);
    return runCli(['os', guestPath('client-wasmedge'), ...flags, '--', host, String(PORT)], {
      prefix,
      command: ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', file, BIN],
    });
  };
  const hosts = (): string => `${world} shop.example www.shop.example\n10.0.0.1 rebound.example\n`;

  test('hold for what the name leads to', async () => {
    const { stdout, stderr } = await visitWithHosts(
      hosts(),
      'shop.example',
      '--allow-net',
      'shop.example:443',
    );
    expect(stdout).toContain(`address ${world} port ${PORT}`);
    expect(stdout).toContain(WELCOME);
    expect(stderr).not.toContain('refused');
  });

  test('hold for a guest that knows the address already', async () => {
    const { stdout } = await visitWithHosts(hosts(), world, '--allow-net', 'shop.example');
    expect(stdout).toContain(WELCOME);
  });

  test('with a wildcard hold for what is below, not for the name itself', async () => {
    const below = await visitWithHosts(hosts(), 'www.shop.example', '--allow-net', '*.shop.example');
    expect(below.stdout).toContain(WELCOME);
    const itself = await visitWithHosts(hosts(), 'shop.example', '--allow-net', '*.shop.example');
    expect(itself.stdout).not.toContain(WELCOME);
    expect(itself.stderr).toContain('→ shop.example: no rule allows it');
  });

  test('lead to no private address', async () => {
    const { stdout, stderr } = await visitWithHosts(
      hosts(),
      'rebound.example',
      '--allow-net',
      'rebound.example',
    );
    expect(stdout).toContain('connect ECONNREFUSED');
    expect(stderr).toContain('→ 10.0.0.1:443: it is a private or special address');
  });

  test('a name nobody knows is unknown to the guest, too', async () => {
    const { stdout } = await visitWithHosts('', 'nowhere.invalid', '--allow-net', 'nowhere.invalid');
    expect(stdout).toMatch(/^resolve (?!ok)/);
  });
});
