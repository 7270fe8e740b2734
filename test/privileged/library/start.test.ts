/** `Sandbox.start`: a sandbox of this process, from its start to its end. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Sandbox, SandboxInfoSchema, WasmrunError } from '../../../src/index.ts';
import type { LogEntry, SandboxEvent } from '../../../src/index.ts';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { eventually, isRunning, openDescriptors, remains } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { linesOf } from '../network/test-network.ts';
import { newScope } from './scope.ts';

const HELLO = guestPath('hello-wasmedge');

const get = async (url: string): Promise<string> =>
  (await fetch(url, { headers: { connection: 'close' } })).text();

/** The texts of a log, one after the other. */
const textOf = async (entries: AsyncIterable<LogEntry>): Promise<string> => {
  let text = '';
  for await (const entry of entries) text += entry.text;
  return text;
};

/** Every object in a value, itself included. */
const objectsIn = (value: unknown): object[] =>
  typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(objectsIn)] : [];

test('it answers as soon as it has started, and is gone at the end of its scope', async () => {
  using scope = newScope();
  const { prefix } = scope;
  let url: string;
  let engine: number;
  {
    await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], name: 'web', prefix });
    const { info } = sandbox;
    url = info.forwards[0]!.url;
    engine = info.enginePid!;
    expect(await get(url)).toContain('Hello');
    expect(info).toMatchObject({
      name: 'web',
      state: 'running',
      pid: process.pid,
      language: 'wasm',
      isolation: 'namespace',
      isDetached: false,
      generation: 1,
      forwards: [{ processPort: 3000, protocol: 'tcp', state: 'open', addresses: ['127.0.0.1', '::1'] }],
      network: { namespace: `${prefix}-web`, prefixLength: 31, netmask: '255.255.255.254' },
    });
    expect(url).toBe(`http://localhost:${info.forwards[0]!.hostPort}`);
    expect(linesOf('ip', 'netns', 'list').join()).toContain(info.network!.namespace);
    expect(readFileSync(`/sys/class/net/${info.network!.hostInterface}/operstate`, 'utf8')).toBe('up\n');
    expect(await get(`http://${info.network!.address}:3000`)).toContain('Hello');
  }
  expect(isRunning(engine)).toBe(false);
  await expect(get(url)).rejects.toThrow('fetch failed');
});

test.each(['user-namespace', 'virtual'] as const)(
  'isolation %s has no network of its own',
  async (isolation) => {
    using scope = newScope();
    const { prefix } = scope;
    await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], isolation, prefix });
    expect(sandbox.info).toMatchObject({ isolation, forwards: [{ transport: 'handoff' }] });
    expect(sandbox.info.network).toBeUndefined();
    const { url } = await sandbox.expose({ processPort: 3000 });
    expect(await get(url)).toContain('Hello');
  },
);

test('what it tells is frozen at every depth, and is what its schema says', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
  const { info } = sandbox;
  expect(SandboxInfoSchema.parse(info)).toEqual(info);
  const objects = objectsIn(info);
  expect(objects.length).toBeGreaterThan(5);
  expect(objects.filter((each) => !Object.isFrozen(each))).toEqual([]);
  expect(() => Object.assign(info.network!, { address: '192.0.2.1' })).toThrow(TypeError);
  expect(() => (info.forwards as unknown[]).push({})).toThrow(TypeError);

  const before = sandbox.info;
  await get(info.forwards[0]!.url);
  expect(sandbox.info).toBe(before);
  await sandbox.refresh();
  expect(sandbox.info.forwards[0]!.traffic!.accepted).toBe(1);
  expect(before.forwards[0]!.traffic!.accepted).toBe(0);
});

test('a scope that throws leaves nothing either', async () => {
  using scope = newScope();
  const failing = async (): Promise<void> => {
    await using _ = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
    throw new Error('of the program');
  };
  await expect(failing()).rejects.toThrow('of the program');
});

test('one after the other leave no descriptor open', async () => {
  using scope = newScope();
  const once = async (): Promise<void> => {
    await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
    await sandbox.expose({ processPort: 3000 });
  };
  // The first ones open what is kept: sockets of netlink, files of libraries.
  for (let count = 0; count < 2; count += 1) await once();
  const before = openDescriptors();
  for (let count = 0; count < 3; count += 1) await once();
  expect(openDescriptors()).toBeLessThanOrEqual(before);
});

test('closing twice, and using it afterwards, harms nobody', async () => {
  using scope = newScope();
  const sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
  const last = sandbox.info;
  await Promise.all([sandbox.stop(), sandbox[Symbol.asyncDispose]()]);
  await sandbox[Symbol.asyncDispose]();
  await sandbox.stop();
  expect(remains(scope.prefix)).toEqual([]);
  expect(await sandbox.end()).toEqual({ status: 143, reason: 'stopped' });
  expect(sandbox.info).toBe(last);
  for (const action of [
    () => sandbox.expose({ processPort: 3000 }),
    () => sandbox.unexpose(last.forwards[0]!),
    () => sandbox.reload(),
    () => sandbox.refresh(),
  ]) {
    await expect(action()).rejects.toMatchObject({ code: 'SANDBOX_NOT_RUNNING' });
  }
  const events: SandboxEvent[] = [];
  for await (const event of sandbox.events()) events.push(event);
  expect(events).toEqual([]);
  expect(await textOf(sandbox.logs({ follow: true }))).toContain('listening');
});

test.each([
  [{ app: '/nowhere' }, 'APP_NOT_FOUND', '/nowhere does not exist'],
  [{ forwards: ['3000', 'x:y'] }, 'FORWARD_INVALID', 'option forwards: forward "x:y"'],
  [{ name: 'No Name' }, 'NAME_INVALID', 'option name: "No Name"'],
  [{ memory: 'much' }, 'USAGE', 'option memory: "much"'],
  [{ env: { 'A=B': 'c' } }, 'USAGE', 'option env: "A=B"'],
  [{ prefix: 'Too Long For It' }, 'NAME_INVALID', '"Too Long For It"'],
  [{ transport: 'pf' }, 'NO_TRANSPORT', 'pf'],
  [{ outbound: 'none', allowNet: ['nonsense:x'] }, 'EGRESS_INVALID', 'option allowNet: '],
  [{ peers: ['db', 'No Name'] }, 'PEER_INVALID', 'option peers: peer "No Name"'],
] as const)('%j is refused: %s', async (options, code, words) => {
  using scope = newScope();
  const starting = Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix, ...options });
  const error = await starting.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WasmrunError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words) as string });
});

test('a taken host port is said to be, with who has it', async () => {
  using scope = newScope();
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const starting = Sandbox.start({ app: HELLO, forwards: [`${port}:3000`], prefix: scope.prefix });
  await expect(starting).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`pid ${process.pid}`) as string,
  });
});

test('an app that ends before it listens is an error with its last words', async () => {
  using scope = newScope();
  const starting = Sandbox.start({
    app: guestPath('crasher'),
    args: ['exit', '7'],
    forwards: ['3000'],
    prefix: scope.prefix,
  });
  await expect(starting).rejects.toMatchObject({
    code: 'APP_ENDED',
    message: 'crasher ended with status 7 before it listened on port 3000',
    hint: expect.stringContaining('crasher: started') as string,
  });
});

test('an app that listens on nothing may end at once: its status and output are told', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({
    app: guestPath('environment'),
    args: ['a b', 'c=d'],
    env: { LEVEL: 'x=y', ABSENT: undefined },
    prefix: scope.prefix,
  });
  expect(sandbox.info).toMatchObject({ name: 'environment', forwards: [] });
  expect(await sandbox.end()).toEqual({ status: 0, reason: 'exit' });
  expect(remains(scope.prefix)).toEqual([]);
  const text = await textOf(sandbox.logs({ follow: true }));
  expect(text).toContain('a b');
  expect(text).toContain('LEVEL=x=y');
  expect(text).not.toContain('ABSENT');
});

test('a port that nothing listens on in time is warned of, and opens later', async () => {
  using scope = newScope();
  const warnings: string[] = [];
  await using sandbox = await Sandbox.start({
    app: guestPath('nolisten-wasmedge'),
    args: ['1', '3000'],
    forwards: ['3000'],
    prefix: scope.prefix,
    readyMs: 100,
    log: { detail() {}, info() {}, warn: (text) => warnings.push(text) },
  });
  expect(sandbox.info.forwards[0]).toMatchObject({ state: 'waiting' });
  expect(warnings).toEqual(['nothing listens on port 3000 yet']);
  for await (const event of sandbox.events()) if (event.type === 'forward') break;
  expect((await sandbox.refresh()).forwards[0]).toMatchObject({ state: 'open' });
});

test('several at once live side by side', async () => {
  using scope = newScope();
  const { prefix } = scope;
  await using all = new AsyncDisposableStack();
  const sandboxes = await Promise.all(
    Array.from({ length: 4 }, () => Sandbox.start({ app: HELLO, forwards: ['3000'], prefix })),
  );
  for (const sandbox of sandboxes) all.use(sandbox);
  expect(new Set(sandboxes.map(({ name }) => name)).size).toBe(4);
  expect(new Set(sandboxes.map(({ info }) => info.network!.address)).size).toBe(4);
  const answers = await Promise.all(sandboxes.map(({ info }) => get(info.forwards[0]!.url)));
  for (const answer of answers) expect(answer).toContain('Hello');
  await sandboxes[0]!.stop();
  expect(await get(sandboxes[1]!.info.forwards[0]!.url)).toContain('Hello');
  await expect(Sandbox.start({ app: HELLO, name: sandboxes[1]!.name, prefix })).rejects.toMatchObject({
    code: 'NAME_IN_USE',
  });
});

test('a new version takes over on request, without another port', async () => {
  using scope = newScope();
  await using app = await writeAppDirectory({
    'package.json': { name: 'counter', main: 'main.js' },
    'main.js': `require('http').createServer((_, response) => response.end('one')).listen(3000)`,
  });
  await using sandbox = await Sandbox.start({ app: app.path, forwards: ['3000'], prefix: scope.prefix });
  const { url } = sandbox.info.forwards[0]!;
  const exposed = await sandbox.expose({ processPort: 3000 });
  expect(await get(url)).toBe('one');
  const main = join(app.path, 'main.js');
  await writeFile(main, readFileSync(main, 'utf8').replace('one', 'two'));
  await sandbox.reload();
  expect(sandbox.info).toMatchObject({ generation: 2, forwards: [{ url }, { url: exposed.url }] });
  expect(await get(url)).toBe('two');
  expect(await get(exposed.url)).toBe('two');

  await writeFile(main, 'process.exit(3)');
  await expect(sandbox.reload()).rejects.toMatchObject({ code: 'RELOAD_FAILED' });
  expect(await get(url)).toBe('two');
});

test('with watch, changed files bring a new version by themselves', async () => {
  using scope = newScope();
  await using app = await writeAppDirectory({
    'package.json': { name: 'watched', main: 'main.js' },
    'main.js': `require('http').createServer((_, response) => response.end('one')).listen(3000)`,
  });
  await using sandbox = await Sandbox.start({
    app: app.path,
    forwards: ['3000'],
    prefix: scope.prefix,
    watch: true,
  });
  const events = sandbox.events();
  const main = join(app.path, 'main.js');
  await writeFile(main, readFileSync(main, 'utf8').replace('one', 'two'));
  for await (const event of events) if (event.type === 'reloaded') break;
  expect(await get(sandbox.info.forwards[0]!.url)).toBe('two');
});

test('a killed app ends its sandbox, and end() tells how', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({ app: HELLO, forwards: ['3000'], prefix: scope.prefix });
  process.kill(sandbox.info.enginePid!, 'SIGKILL');
  expect(await sandbox.end()).toEqual({ status: 137, reason: 'killed' });
  expect(await eventually(() => remains(scope.prefix).length === 0)).toBe(true);
});

test('a busy app is killed after the grace it is given, and not before', async () => {
  using scope = newScope();
  await using sandbox = await Sandbox.start({
    app: guestPath('spinner-wasmedge'),
    prefix: scope.prefix,
  });
  const patient = sandbox.stop({ graceMs: 600_000 });
  // Longer than it would be given otherwise.
  await sleep(2500);
  expect(isRunning(sandbox.info.enginePid!)).toBe(true);
  await sandbox.stop({ graceMs: 0 });
  await patient;
  expect(await sandbox.end()).toMatchObject({ reason: 'stopped' });
});
