import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, newPrefix, remains, startCli } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';

/** Says what it is asked to say. */
const TALKER = `
  console.log('out 1');
  console.error('err 1');
  process.stdout.write('half a ');
  require('node:http').createServer((request, response) => {
    console.log(decodeURIComponent(request.url.slice(1)));
    response.end('said');
  }).listen(3000);`;

const prefix = newPrefix();
const sandboxes = detachedSandboxes({ prefix });
const { run, json } = sandboxes;
const app = mkdtempSync(join(tmpdir(), 'wasmrun-app-'));
let url = '';

beforeAll(async () => {
  chmodSync(app, 0o755);
  writeFileSync(join(app, 'package.json'), '{"main":"main.js"}');
  writeFileSync(join(app, 'main.js'), TALKER);
  const port = await freePort();
  url = `http://localhost:${port}`;
  expect(await run('os', app, '--detach', '--name', 'talker', '--forward', `${port}:3000`)).toMatchObject({
    status: 0,
  });
});

afterAll(async () => {
  rmSync(app, { recursive: true });
  await sandboxes[Symbol.asyncDispose]();
  expect(remains(prefix)).toEqual([]);
});

const say = async (text: string): Promise<void> => {
  expect(await (await fetch(`${url}/${encodeURIComponent(text)}`)).text()).toBe('said');
};

test('each stream goes to its own, with what happened to the sandbox beside it', async () => {
  await say('line');
  const { status, stdout, stderr } = await run('logs', 'talker');
  expect(status).toBe(0);
  expect(stdout).toBe('out 1\nhalf a line\n');
  expect(stderr).toContain('err 1\n');
  expect(stderr).toMatch(/^wasmrun: talker {2}10\.\S+ {2}\(namespace \S+-talker\)$/m);
  expect(stderr).toContain(`wasmrun: ${url} → talker:3000`);
});

test('with --json each entry is a document; --timestamps and --tail are as docker logs has them', async () => {
  const documents = (await run('logs', 'talker', '--json')).stdout.trim().split('\n');
  const entries = documents.map((line) => JSON.parse(line) as { time: string; stream: string; text: string });
  expect(entries).toContainEqual(expect.objectContaining({ stream: 'stdout', text: 'out 1\n' }));
  expect(entries.map(({ time }) => time).toSorted()).toEqual(entries.map(({ time }) => time));
  await say('the last one');
  expect((await run('logs', 'talker', '--tail', '1')).stdout).toBe('the last one\n');
  expect((await run('logs', 'talker', '-t', '-n', '1')).stdout).toMatch(
    /^\d{4}-\d\d-\d\dT\S+Z the last one\n$/,
  );
});

test('--since leaves out what is older', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await say('young');
  expect((await run('logs', 'talker', '--since', '1s')).stdout).toBe('young\n');
  expect((await run('logs', 'talker', '--since', new Date(Date.now() + 60_000).toISOString())).stdout).toBe(
    '',
  );
});

test('--follow goes on until the sandbox stops, and misses nothing of it', async () => {
  const following = startCli(['logs', 'talker', '--follow', '--tail', '0'], { prefix });
  // It follows as soon as it says something; what is said before is not promised.
  const isFollowing = async (): Promise<boolean> => {
    await say('?');
    return eventually(() => following.stdout().includes('?'), 200);
  };
  while (!(await isFollowing()));
  for (let index = 0; index < 50; index += 1) await say(`line ${index}`);
  await run('stop', 'talker');
  const { status, stdout } = await following.ended;
  expect(status).toBe(0);
  const expected = Array.from({ length: 50 }, (_, index) => `line ${index}\n`).join('');
  expect(stdout.replace(/^(\?\n)*/, '')).toBe(expected);
  expect((await run('logs', 'talker')).stdout).toContain(expected);
});

test('what cannot be had is an error', async () => {
  expect(await json('logs', 'nobody')).toMatchObject({ exit_code: 1, error: { code: 'SANDBOX_NOT_FOUND' } });
  expect((await run('logs', 'talker', '--since', 'yesterday')).status).toBe(2);
  expect((await run('logs', 'talker', '--tail', 'all')).status).toBe(2);
  await using bare = startCli(['os', guestPath('hello-wasmedge'), '--name', 'bare', '--forward', '3000'], {
    prefix,
  });
  await bare.url();
  const { status, stderr } = await run('logs', 'bare');
  expect(status).toBe(1);
  expect(stderr).toContain('bare is not detached');
  bare.process.kill('SIGTERM');
  await bare.ended;
});
