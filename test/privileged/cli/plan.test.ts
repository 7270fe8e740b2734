/** `--plan`: what it prints is what a start does, and it does nothing itself. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PrintedPlan } from '../../../src/cli/plan-text.ts';
import { newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import { linesOf } from '../network/test-network.ts';

const BIN = fileURLToPath(new URL('../../../bin/wasmrun.cjs', import.meta.url));
const HELLO = guestPath('hello-wasmedge');

let prefix = '';
let directory = '';
beforeEach(() => {
  prefix = newPrefix();
  directory = mkdtempSync(join(tmpdir(), 'wasmrun-plan-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  expect(remains(prefix)).toEqual([]);
});

/** Addresses nobody else takes between the plan and the start. */
const ownPool = () => {
  const [second = 0, third = 0] = Buffer.from(prefix.slice(1), 'hex');
  return { WASMRUN_ADDRESS_POOL: `10.${192 + (second % 38)}.${third}.0/25` };
};

const planOf = async (...args: string[]): Promise<PrintedPlan> => {
  const end = await runCli(['os', ...args, '--plan', '--json'], { prefix, env: ownPool() });
  expect(end).toMatchObject({ status: 0, stderr: '' });
  return JSON.parse(end.stdout);
};

const inputsOf = ({ steps }: PrintedPlan): string[] =>
  steps.flatMap(({ commands }) => commands.flatMap(({ input }) => input ?? []));

/** Loads texts in a network namespace where nothing stands, and lists what stands then. */
const listAfter = (texts: readonly string[], load: string, list: string): string[] =>
  execFileSync('unshare', ['--net', 'sh', '-ec', `${load}; ${list}`], {
    input: texts.join(''),
    encoding: 'utf8',
  })
    .split('\n')
    .filter(Boolean);

describe('what it prints', () => {
  test('nft takes, and finds in the table after a real start', async () => {
    const port = await freePort();
    const args = [HELLO, '--forward', `${port}:3000`, '--transport', 'nftables'];
    const plan = await planOf(...args);
    expect(plan).toMatchObject({ firewall: 'nftables', transport: 'nftables', obstacles: [] });
    const texts = inputsOf(plan);
    expect(texts.length).toBe(2);
    execFileSync('nft', ['-c', '-f', '-'], { input: texts.join('') });

    await using run = startCli(['os', ...args], { prefix, env: ownPool() });
    await run.url();
    const list = `nft list table inet ${prefix}`;
    expect(listAfter(texts, 'nft -f -', list)).toEqual(linesOf('sh', '-c', list));
    run.process.kill('SIGTERM');
    expect((await run.ended).status).toBe(143);
  });

  test('iptables takes, and finds in the chains after a real start', async () => {
    const port = await freePort();
    const args = [HELLO, '--forward', `${port}:3000`, '--transport', 'iptables'];
    const plan = await planOf(...args);
    expect(plan).toMatchObject({ firewall: 'iptables', transport: 'iptables', obstacles: [] });
    const texts = inputsOf(plan);

    await using run = startCli(['os', ...args], { prefix, env: ownPool() });
    await run.url();
    const list = `iptables-save | grep '^-A.*${prefix}'`;
    const planned = listAfter(texts, 'iptables-restore --noflush', list);
    expect(planned.length).toBeGreaterThan(10);
    expect(planned).toEqual(linesOf('sh', '-c', list));
    run.process.kill('SIGTERM');
    expect((await run.ended).status).toBe(143);
  });

  test('are the steps, names and addresses of a real start', async () => {
    const plan = await planOf(HELLO, '--forward', '3000', '--dir', '/tmp:/t:ro', '--env', 'SECRET=hunter2');
    await using run = startCli(['os', HELLO, '--forward', '3000', '--json', '--verbose'], {
      prefix,
      env: ownPool(),
    });
    const [, url = ''] = await run.printed(/"url":"([^"]+)"/);
    expect(await (await fetch(url)).text()).toContain('Hello');
    const documents = run
      .stdout()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(documents.find(({ type }) => type === 'started')).toMatchObject({
      name: plan.name,
      namespace: plan.namespace,
      address: plan.interfaces[1]?.address.replace('/31', ''),
    });
    const done = documents
      .filter(({ type }) => type === 'detail')
      .flatMap(({ text }) => / ms {2}(\w+)$/.exec(text)?.[1] ?? []);
    expect(plan.steps.map(({ step }) => step)).toEqual([...done, 'listening', 'end']);
    const [host] = plan.interfaces;
    expect(linesOf('ip', 'address', 'show', 'dev', host?.name ?? '').join()).toContain(host?.address);
    expect(plan.forwards).toMatchObject([{ hostPort: 'any free port', processPort: 3000, protocol: 'tcp' }]);
    expect(plan.engine).toMatchObject({
      module: HELLO,
      user: { uid: 65_534, gid: 65_534 },
      env: ['SECRET'],
      directories: [{ hostPath: '/tmp', guestPath: '/t', readOnly: true }],
      tmpfs: ['/tmp'],
    });
    expect(JSON.stringify(plan)).not.toContain('hunter2');

    // Beside the one that runs: another name and address, and only what is missing is added to the rules.
    const second = await planOf(HELLO, '--forward', '3000');
    expect(second.name).toBe(`${plan.name}-2`);
    expect(second.interfaces[0]?.name).not.toBe(host?.name);
    expect(inputsOf(second)[0]).toMatch(/^add element inet \w+ sandboxes \{ .* \}\n$/);
    const taken = await runCli(['os', HELLO, '--name', plan.name, '--plan'], { prefix, env: ownPool() });
    expect(taken).toMatchObject({ status: 125, stdout: '' });
    expect(taken.stderr).toContain('is already running');
    run.process.kill('SIGTERM');
    await run.ended;
  });

  test('is for people on standard output, with the very texts', async () => {
    const args = ['os', HELLO, '--forward', '8080:3000', '--transport', 'nftables', '--plan'];
    const { status, stdout, stderr } = await runCli(args, { prefix, env: ownPool() });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const plan = await planOf(HELLO, '--forward', '8080:3000', '--transport', 'nftables');
    for (const text of inputsOf(plan)) expect(stdout).toContain(`<<'END'\n${text}END\n`);
    for (const { what } of plan.steps) expect(stdout).toContain(what);
  });
});

describe('it does nothing', () => {
  test('also says who holds a busy port, and that there is a build', async () => {
    writeFileSync(
      join(directory, '.wasmrun.toml'),
      '[build]\ncommand = ["touch", "built.wasm"]\noutput = "built.wasm"\n[network]\nbind = "127.0.0.1"\n',
    );
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const plan = await planOf(directory, '--forward', `${port}:3000`);
      expect(plan.obstacles).toEqual([
        {
          code: 'PORT_IN_USE',
          message: `host port ${port} is already in use by node (pid ${process.pid})`,
          hint: expect.stringContaining('--forward'),
        },
      ]);
      expect(plan).toMatchObject({ build: ['touch', 'built.wasm'] });
      expect(plan.engine.module).toBe(join(directory, 'built.wasm'));
    } finally {
      server.close();
    }
    expect(existsSync(join(directory, 'built.wasm'))).toBe(false);
    expect(remains(prefix)).toEqual([]);
  });

  test('so an ordinary user may have it, and sees the same rules', async () => {
    const args = ['os', HELLO, '--forward', '8080:3000', '--forward', '80:3001', '--transport', 'nftables'];
    // Reading is the one thing it may do: the checkout may lie where this user cannot look.
    const caps = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=+dac_read_search'];
    const identity = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--bounding-set=-all,+dac_read_search',
    ];
    const { status, stdout, stderr } = spawnSync(
      'setpriv',
      [...identity, ...caps, process.execPath, BIN, ...args, '--plan', '--json'],
      {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], WASMRUN_NAMESPACE_PREFIX: prefix, ...ownPool() },
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const plan = JSON.parse(stdout) as PrintedPlan;
    expect(plan.obstacles.map(({ code }) => code)).toEqual([
      'PERMISSION_DENIED',
      'PORT_FORBIDDEN',
      'NO_TRANSPORT',
    ]);
    const asRoot = await planOf(...args.slice(1));
    expect(inputsOf(plan)).toEqual(inputsOf(asRoot));
    expect(inputsOf(plan).length).toBe(3);
  });

  test.each([
    [['os', 'nowhere.wasm'], 127, 'does not exist'],
    [['os', HELLO, '--forward', '1:x'], 2, 'forward "1:x"'],
    [['os', guestPath('cat').replace('.wasm', '.c')], 126, ''],
  ])('but fail as ever: %j', async (args, status, message) => {
    const end = await runCli([...args, '--plan'], { prefix });
    expect(end).toMatchObject({ status, stdout: '' });
    expect(end.stderr).toContain(message);
  });
});
