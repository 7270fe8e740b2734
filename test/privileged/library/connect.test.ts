/** Sandboxes that somebody else runs: found, driven, listed; letting go of them does not stop them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Sandbox } from '../../../src/index.ts';
import type { LogEntry, SandboxEvent } from '../../../src/index.ts';
import { isRunning, startCli } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { newScope } from './scope.ts';

const HELLO = guestPath('hello-wasmedge');

const get = async (url: string): Promise<string> =>
  (await fetch(url, { headers: { connection: 'close' } })).text();

const all = async (entries: AsyncIterable<LogEntry>): Promise<LogEntry[]> => await Array.fromAsync(entries);

test('a detached one is found, driven, stopped; its log is read', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using sandboxes = detachedSandboxes({ prefix });
  await sandboxes.run('os', HELLO, '--name', 'web', '--detach', '--forward', '3000');
  let pid: number;
  {
    await using web = await Sandbox.connect('web', { prefix });
    ({ pid } = web.info);
    expect(web.info).toMatchObject({
      name: 'web',
      isDetached: true,
      network: { namespace: `${prefix}-web` },
    });
    expect(Object.isFrozen(web.info) && Object.isFrozen(web.info.network)).toBe(true);
    const { url } = await web.expose({ processPort: 3000 });
    expect(await get(url)).toContain('Hello');
    await web.reload();
    expect(web.info.generation).toBe(2);
    const log = await all(web.logs());
    expect(log).toContainEqual({
      time: expect.any(Number) as number,
      stream: 'stdout',
      text: 'hello: listening on 0.0.0.0 port 3000\n',
    });
    expect(log.filter(({ stream }) => stream === 'wasmrun')).not.toEqual([]);
  }
  expect(isRunning(pid)).toBe(true);

  const web = await Sandbox.connect('web', { prefix });
  // By the beginning of its id as well.
  await using same = await Sandbox.connect(web.info.id.slice(0, 6), { prefix });
  expect(same.info.forwards).toHaveLength(2);
  const following = all(web.logs({ follow: true }));
  const ended = same.end();
  // Its request is on the way.
  await sleep(100);
  await web.stop();
  expect(await ended).toEqual({ status: 143, reason: 'stopped' });
  expect((await following).length).toBeGreaterThan(0);
  expect(isRunning(pid)).toBe(false);
  await web.stop();
  await expect(web.refresh()).rejects.toMatchObject({ code: 'SANDBOX_NOT_RUNNING' });
  await expect(Sandbox.connect('web', { prefix })).rejects.toMatchObject({ code: 'SANDBOX_NOT_RUNNING' });

  expect(await Sandbox.list({ prefix })).toEqual([]);
  const [listed] = await Sandbox.list({ prefix, all: true });
  expect(listed).toMatchObject({
    name: 'web',
    state: 'stopped',
    isDetached: true,
    app: HELLO,
    forwards: [{ processPort: 3000 }, { processPort: 3000 }],
  });
  expect(Object.isFrozen(listed) && Object.isFrozen(listed!.forwards[0])).toBe(true);
});

test('one at a terminal is driven, too; its events end with it', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using run = startCli(['os', HELLO, '--name', 'web', '--forward', '3000'], { prefix });
  await run.url();
  await using web = await Sandbox.connect('web', { prefix });
  expect(web.info).toMatchObject({ pid: run.process.pid, isDetached: false });
  await expect(all(web.logs())).rejects.toMatchObject({ code: 'SANDBOX_NOT_FOUND' });
  await expect(web.reload()).rejects.toMatchObject({ code: 'RELOAD_UNAVAILABLE' });

  const seen: SandboxEvent['type'][] = [];
  const reading = (async () => {
    for await (const { type } of web.events()) seen.push(type);
  })();
  await sleep(100);
  const forward = await web.expose({ processPort: 3000 });
  await web.unexpose(forward);
  await web.stop();
  await reading;
  expect(seen).toEqual(['forward', 'closed', 'exited']);
  expect((await run.ended).status).toBe(143);
  await web.stop();
});

test('events stop coming when it is let go of', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using own = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix });
  const found = await Sandbox.connect(own.name, { prefix });
  const reading = Array.fromAsync(found.events());
  await sleep(100);
  await own.expose({ processPort: 3000 });
  await sleep(100);
  await found[Symbol.asyncDispose]();
  expect(await reading).toMatchObject([{ type: 'forward' }]);
  expect((await own.refresh()).state).toBe('running');
});

test('those of this process are listed with the others, and none of another prefix', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using own = await Sandbox.start({ app: HELLO, forwards: ['3000'], name: 'mine', prefix });
  await using run = startCli(['os', HELLO, '--name', 'theirs'], { prefix });
  await run.printed(/^theirs /m);
  const listed = await Sandbox.list({ prefix });
  expect(listed).toMatchObject([
    {
      name: 'mine',
      id: own.info.id,
      state: 'running',
      pid: process.pid,
      language: 'wasm',
      address: own.info.network!.address,
      isDetached: false,
      forwards: [{ protocol: 'tcp', processPort: 3000 }],
    },
    { name: 'theirs', pid: run.process.pid, forwards: [] },
  ]);
  expect(Object.isFrozen(listed) && listed.every(Object.isFrozen)).toBe(true);
  expect(await Sandbox.list({ prefix: `${prefix}x` })).toEqual([]);
  await expect(Sandbox.connect('neither', { prefix })).rejects.toMatchObject({
    code: 'SANDBOX_NOT_FOUND',
    hint: 'there is mine, theirs',
  });
  run.process.kill('SIGTERM');
  await run.ended;
});

test('what is started by a program is a sandbox for the command line as well', async () => {
  using scope = newScope();
  const { prefix } = scope;
  const sandboxes = detachedSandboxes({ prefix });
  await using own = await Sandbox.start({ app: HELLO, forwards: ['3000'], name: 'mine', prefix });
  expect(await sandboxes.json('port', 'expose', 'mine', '3000')).toMatchObject({ exit_code: 0 });
  expect((await own.refresh()).forwards).toHaveLength(2);
  expect(await sandboxes.run('stop', 'mine')).toMatchObject({ status: 0, stdout: 'mine\n' });
  expect(await own.end()).toEqual({ status: 143, reason: 'stopped' });
});
