import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPrefix, remains, startCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';

const prefix = newPrefix();
const { run, json } = detachedSandboxes({ prefix });
let web: CliRun;

beforeAll(async () => {
  const first = await freePort();
  web = startCli(
    [
      'os',
      guestPath('hello-wasmedge'),
      '--name',
      'web',
      '--forward',
      `${first}:3000`,
      '--transport',
      'nftables',
    ],
    { prefix },
  );
  await web.url();
});

afterAll(async () => {
  web.process.kill('SIGTERM');
  await web.ended;
  expect(remains(prefix)).toEqual([]);
});

const greets = async (port: number): Promise<boolean> =>
  (await (await fetch(`http://localhost:${port}`)).text()).includes('Hello');

const isRefused = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
};

test('expose opens a forward, says so and how to close it; close closes it', async () => {
  const port = await freePort();
  expect(await run('port', 'expose', 'web', `${port}:3000`)).toMatchObject({
    status: 0,
    stderr: '',
    stdout:
      `Exposed localhost:${port} → web:3000 (nftables)\n` +
      `Close it with: wasmrun port close web ${port}:3000\n`,
  });
  expect(await greets(port)).toBe(true);
  expect(await run('port', 'close', 'web', `${port}:3000`)).toMatchObject({
    status: 0,
    stderr: '',
    stdout: `Closed ${port} → web:3000. Established connections may finish.\n`,
  });
  expect(await isRefused(port)).toBe(true);
});

test('with --json each answer is one document', async () => {
  const port = await freePort();
  const data = { sandbox: 'web', host_port: port, process_port: 3000, mapping: `${port}:3000` };
  expect(await json('port', 'expose', 'web', `${port}:3000`)).toEqual({
    command: 'port expose',
    exit_code: 0,
    data: { ...data, transport: 'nftables' },
  });
  expect(await json('port', 'close', 'web', `${port}:3000`)).toEqual({
    command: 'port close',
    exit_code: 0,
    data,
  });
});

test('only a process port takes a free host port; a port that nobody listens on waits', async () => {
  const { data } = await json('port', 'expose', 'web', '3000');
  const port = Number(data['host_port']);
  expect(await greets(port)).toBe(true);
  const waiting = await run('port', 'expose', 'web', '4000/udp', '--bind', '127.0.0.1');
  const [, udp = ''] =
    /^Exposed 127\.0\.0\.1:(\d+) → web:4000\/udp \(nothing listens on port 4000 yet\)$/m.exec(
      waiting.stdout,
    )!;
  const { stdout } = await run('port', 'list', 'web');
  expect(stdout).toMatch(/^Host port +Process port +Transport +State +Connections$/m);
  expect(stdout).toMatch(new RegExp(`^${port} +3000 +nftables +open +\\S+$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^${udp}/udp +4000 +- +waiting +\\S+$`, 'm'));
  await run('port', 'close', 'web', `${port}:3000`);
  await run('port', 'close', 'web', `${udp}:4000/udp`);
});

test('the other forwards and their connections are not disturbed', async () => {
  const url = new URL(await web.url());
  const socket = connect(Number(url.port), '127.0.0.1');
  await once(socket, 'connect');
  for (let turn = 0; turn < 5; turn += 1) {
    const { data } = await json('port', 'expose', 'web', '3000');
    await run('port', 'close', 'web', `${String(data['host_port'])}:3000`);
  }
  socket.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200/);
  socket.destroy();
});

test('a taken host port is refused with who has it; --any-port takes another one', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const refused = await run('port', 'expose', 'web', `${port}:3000`);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toContain(`pid ${process.pid}`);
  const fallback = await run('port', 'expose', 'web', `${port}:3000`, '--any-port');
  expect(fallback.stdout).toMatch(
    new RegExp(`^Host port ${port} is taken\\. Exposed localhost:\\d+ → web:3000`),
  );
  const [, chosen = ''] = /localhost:(\d+)/.exec(fallback.stdout)!;
  await run('port', 'close', 'web', `${chosen}:3000`);
  other.close();

  const own = Number(new URL(await web.url()).port);
  expect(await json('port', 'expose', 'web', `${own}:4000`)).toMatchObject({
    exit_code: 1,
    error: { code: 'PORT_IN_USE', message: `host port ${own} is already in use by the sandbox web` },
  });
});

test('failures have exit status 1, wrong usage 2', async () => {
  expect(await json('port', 'expose', 'nobody', '3000')).toMatchObject({
    command: 'port expose',
    exit_code: 1,
    error: { code: 'SANDBOX_NOT_FOUND', hint: 'there is web' },
  });
  for (const mapping of ['abc', '0:3000', '8000-8003:3000-3003'])
    expect((await run('port', 'expose', 'web', mapping)).status).toBe(1);
  expect(await json('port', 'close', 'web', '3000')).toMatchObject({ error: { code: 'FORWARD_INVALID' } });
  expect(await json('port', 'close', 'web', '1:2')).toMatchObject({ error: { code: 'FORWARD_NOT_FOUND' } });
  expect((await run('port', 'expose', 'web')).status).toBe(2);
  expect((await run('port', 'expose', 'web', '3000', '--nonsense')).status).toBe(2);
  expect(await json('port', 'list')).toMatchObject({
    command: 'port list',
    exit_code: 2,
    error: { code: 'USAGE' },
  });
});

test('a sandbox without forwards says so', async () => {
  await using bare = startCli(['os', guestPath('hello-wasmedge'), '--name', 'bare'], { prefix });
  await bare.printed(/listening/);
  expect(await run('port', 'list', 'bare')).toMatchObject({
    status: 0,
    stdout: "No active port forwards for 'bare'.\n",
  });
  bare.process.kill('SIGTERM');
  await bare.ended;
});
