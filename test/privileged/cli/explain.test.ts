/** Processes on the way to an app are broken on purpose, and `wasmrun explain` has to name them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually, killAll, newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { explain, hostPort, readExplanation, start } from '../../helpers/explanation.ts';
import type { Explained } from '../../helpers/explanation.ts';
import { freePort } from '../../helpers/free-port.ts';
import { createApp, enginesOf, watch } from '../../helpers/live-app.ts';
import { OrdinaryUser } from '../../helpers/ordinary-user.ts';

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

const WAYS = [
  ['nftables', ['--transport', 'nftables']],
  ['iptables', ['--transport', 'iptables']],
  ['handoff', ['--transport', 'handoff']],
  ['a user namespace', ['--isolation', 'user-namespace']],
  ['no namespace', ['--isolation', 'virtual']],
] as const;

describe.each(WAYS)('a forward by %s', (way, args) => {
  test('is well, and then frozen at either end', async () => {
    await using web = await start(prefix, ...args);
    const well = await explain(prefix, web.port);
    expect(well.broken).toBeNull();
    const isRedirected = way === 'nftables' || way === 'iptables';
    expect(well.hops['redirection']!.state).toBe(isRedirected ? 'ok' : 'skipped');
    expect(well.hops['interface']!.state).toBe(way.includes('namespace') ? 'skipped' : 'ok');
    expect(well.hops['app']!.state).toBe('ok');

    const supervisor = web.run.process.pid!;
    process.kill(supervisor, 'SIGSTOP');
    const frozen = await explain(prefix, web.port);
    process.kill(supervisor, 'SIGCONT');
    expect(frozen).toMatchObject({ broken: 'supervisor', sentence: expect.stringContaining('is frozen') });
    expect(frozen.fix).toContain(`kill -CONT ${supervisor}`);

    const [engine] = enginesOf(supervisor);
    process.kill(engine!, 'SIGSTOP');
    const stuck = await explain(prefix, web.port);
    process.kill(engine!, 'SIGCONT');
    expect(stuck).toMatchObject({ broken: 'engine', sentence: expect.stringContaining('is frozen') });
    expect(stuck.fix).toContain(`kill -CONT ${engine}`);
    expect((await explain(prefix, web.port)).broken).toBeNull();
  });

  test('that leads where nobody listens says what the app listens on instead', async () => {
    const guest = guestPath('echo-wasmedge');
    const command = ['os', guest, '--name', 'web', '--forward', '3000', ...args, '--', '4000'];
    await using run = startCli(command, { prefix });
    await run.printed(/^web {2}/m);
    const port = await hostPort(prefix);
    const seen = await untilBroken(
      () => explain(prefix, port),
      /listens on 0\.0\.0\.0:4000|nothing listens on port 3000 in web$/,
    );
    expect(seen.broken).toBe('app');
    expect(seen.sentence).toContain('nothing listens on port 3000 in web');
    if (way !== 'no namespace') expect(seen.fix).toContain(`wasmrun port expose web ${port}:4000`);
    run.process.kill('SIGTERM');
    await run.ended;
  });
});

/** Asks again until the guest has come so far. */
const untilBroken = async (ask: () => Promise<Explained>, sentence: RegExp): Promise<Explained> => {
  for (;;) {
    const seen = await ask();
    if (sentence.test(seen.sentence ?? '')) return seen;
    expect(seen.broken).toBe('app');
  }
};

test('an app that has ended', async () => {
  await using app = await createApp('environment');
  await using run = watch(app, ['--name', 'web'], { prefix });
  await run.printed(/waiting for a change/);
  const seen = await explain(prefix, await hostPort(prefix));
  expect(seen).toMatchObject({ broken: 'engine', sentence: 'the app of web does not run: it has ended' });
  expect(seen.hops['app']!.state).toBe('skipped');
  expect(seen.fix).toContain('its output says why');
  run.process.kill('SIGTERM');
  await run.ended;
});

test('an app that does not come back from what it computes', async () => {
  const command = ['os', guestPath('spinner-wasmedge'), '--name', 'web', '--forward', '3000', '--', '3000'];
  await using run = startCli(command, { prefix });
  const { port } = new URL(await run.url());
  fetch(`http://127.0.0.1:${port}`).catch(() => {});
  await run.printed(/spinning/);
  for (const host of ['127.0.0.1', '[::1]']) fetch(`http://${host}:${port}`).catch(() => {});
  let seen = await explain(prefix, port);
  while (!seen.hops['app']!.sentence.includes('waiting')) seen = await explain(prefix, port);
  expect(seen.hops['app']!.sentence).toContain('; waiting for it to accept: 1 connection');
  expect(seen.hops['listener']!.sentence).toContain('; waiting there: 1 connection');
  run.process.kill('SIGKILL');
  await run.ended;
  expect(await eventually(() => remains(prefix).length === 0)).toBe(true);
});

test('a supervisor that was killed', async () => {
  await using web = await start(prefix);
  await killAll(web.run);
  const seen = await explain(prefix, web.port);
  expect(seen).toMatchObject({ broken: 'supervisor', sentence: expect.stringContaining('was killed') });
  expect(seen.fix).toContain('wasmrun gc');
  await runCli(['gc'], { prefix });
  expect((await runCli(['explain', 'web', String(web.port)], { prefix })).status).toBe(1);
});

test('a sandbox that was stopped', async () => {
  await using sandboxes = detachedSandboxes({ prefix });
  const echo = guestPath('echo-wasmedge');
  const port = await freePort();
  const forward = ['--forward', `${port}:3000`];
  const started = await sandboxes.run('os', echo, '--name', 'web', '--detach', ...forward, '--', '3000');
  expect(started.status, started.stderr).toBe(0);
  expect((await explain(prefix, port)).broken).toBeNull();
  await sandboxes.run('stop', 'web');
  expect(await explain(prefix, port)).toMatchObject({
    broken: 'sandbox',
    sentence: 'web is stopped',
    fix: 'wasmrun start web',
  });
});

test('a forward of UDP', async () => {
  const udp = guestPath('udp-wasmedge');
  const args = ['os', udp, '--name', 'web', '--forward', '53/udp', '--', 'server', '53'];
  await using run = startCli(args, { prefix });
  const [, port = ''] = await run.printed(/:(\d+)\/udp → /);
  expect((await explain(prefix, `${port}/udp`)).broken).toBeNull();
  const other = await runCli(['explain', 'web', port, '--json'], { prefix });
  expect(JSON.parse(other.stdout)).toMatchObject({
    exit_code: 1,
    error: { code: 'FORWARD_NOT_FOUND', hint: `it has ${port}:53/udp` },
  });
  run.process.kill('SIGTERM');
  await run.ended;
});

describe('for people', () => {
  test('a line for each step, then what to do', async () => {
    await using web = await start(prefix);
    const well = await runCli(['explain', 'web'], { prefix });
    expect([well.status, well.stderr]).toEqual([0, '']);
    expect(well.stdout).toMatch(/^ok {7}sandbox {6}web runs \(wasm, namespace/);
    expect(well.stdout).toContain(`\n\n${web.port} → web:3000 is well.\n`);
    const [engine] = enginesOf(web.run.process.pid!);
    process.kill(engine!, 'SIGSTOP');
    const stuck = await runCli(['explain', 'web', `${web.port}:3000`], { prefix });
    process.kill(engine!, 'SIGCONT');
    expect([stuck.status, stuck.stderr]).toEqual([1, '']);
    expect(stuck.stdout).toContain(
      `\n\n${web.port} → web:3000 is interrupted: the engine of web (pid ${engine}) is frozen: a signal has stopped it (SIGSTOP).\nlet it go on: kill -CONT ${engine}\n`,
    );
  });

  test.each([
    [['nobody', '80'], 1, 'there is no sandbox nobody'],
    [['nobody', 'eighty'], 2, '"eighty" is not a host port'],
    [['nobody', '80-81'], 2, '"80-81" is not a host port'],
    [[], 2, "missing required argument 'sandbox'"],
  ])('%j ends with %i', async (args, status, message) => {
    const end = await runCli(['explain', ...args], { prefix });
    expect(end).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(message) });
  });
});

describe('an ordinary user', () => {
  test('is told as much of a sandbox without root', async () => {
    using user = new OrdinaryUser();
    const guest = user.guest('echo-wasmedge');
    const args = ['os', guest, '--name', 'web', '--forward', '3000', '--', '3000'];
    await using run = user.start(args, { prefix });
    const { port } = new URL(await run.url());
    const ask = async (): Promise<Explained> => {
      const { status, stdout } = await user.run(['explain', 'web', port, '--json'], { prefix });
      return readExplanation(status, stdout);
    };
    const well = await ask();
    expect(well.broken).toBeNull();
    expect(well.hops['filters']).toMatchObject({
      state: 'skipped',
      sentence: expect.stringContaining('only root'),
    });
    expect(well.hops['app']).toMatchObject({ state: 'ok', sentence: 'the app listens on 0.0.0.0:3000' });
    const [engine] = enginesOf(run.process.pid!);
    process.kill(engine!, 'SIGSTOP');
    expect((await ask()).broken).toBe('engine');
    process.kill(engine!, 'SIGCONT');
    run.process.kill('SIGTERM');
    await run.ended;
  });
});
