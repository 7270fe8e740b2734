/** The example as its README promises it: started by the real command, asked from the host. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Patience of the test, in ms; starting takes a fraction of a second. */
const START_TIMEOUT = 20_000;

/** Own prefix of every kernel object of this run: two runs at once never meet. */
const prefix = `t${randomBytes(3).toString('hex').slice(0, 5)}`;

let running: ChildProcess | undefined;
let errors = '';
let output = '';

const freePort = async (): Promise<number> => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

const list = (file: string, args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Everything in the kernel that carries this run's prefix. */
const leftovers = (): string[] => {
  const all = [
    list('ip', ['netns', 'list']),
    list('ip', ['-o', 'link', 'show']),
    list('nft', ['list', 'tables']),
    list('nft', ['list', 'ruleset']),
  ];
  return all
    .join('\n')
    .split('\n')
    .filter((line) => line.includes(prefix));
};

const startExample = (port: number): ChildProcess => {
  const child = spawn(
    process.execPath,
    ['bin/wasmrun.cjs', 'os', 'examples/hello-wasm', '--forward', `${port}:3000`],
    {
      cwd: REPOSITORY,
      env: { ...process.env, WASMRUN_NAMESPACE_PREFIX: prefix },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return child;
};

/** The first answer; fails with the command's own words if it ends or takes too long. */
const firstAnswer = async (url: string, child: ChildProcess): Promise<Response> => {
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`wasmrun ended with ${child.exitCode}:\n${errors}`);
    try {
      return await fetch(url);
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`no answer from ${url}:\n${errors}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
};

beforeEach(() => {
  output = '';
  errors = '';
});

afterEach(async () => {
  if (running !== undefined && running.exitCode === null && running.signalCode === null) {
    running.kill('SIGTERM');
    await once(running, 'exit');
  }
  running = undefined;
  expect(leftovers()).toEqual([]);
});

test('hello answers through its forward and leaves nothing behind', async () => {
  const port = await freePort();
  running = startExample(port);
  const response = await firstAnswer(`http://127.0.0.1:${port}/`, running);
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('Hello from inside the sandbox\n');

  const stat = await fetch(`http://127.0.0.1:${port}/stat`);
  expect(await stat.text()).toMatch(/^connections=\d+ accepted=\d+ requests=\d+\n$/);

  const large = await fetch(`http://127.0.0.1:${port}/bytes/1000000`);
  expect((await large.arrayBuffer()).byteLength).toBe(1_000_000);

  expect((await fetch(`http://127.0.0.1:${port}/nothing-here`)).status).toBe(404);
  expect(output).toContain('hello: listening on 0.0.0.0 port 3000');
});

test('the sandbox is visible while it runs, and SIGINT ends it', async () => {
  const port = await freePort();
  running = startExample(port);
  await (await firstAnswer(`http://127.0.0.1:${port}/`, running)).text();
  expect(leftovers()).not.toEqual([]);

  running.kill('SIGINT');
  const [status] = (await once(running, 'exit')) as [number | null];
  expect(status).toBe(130);
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
});
