import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, isRunning, remains } from '../../helpers/cli.ts';
import { detachedSandboxes } from '../../helpers/detached.ts';
import { guestPath } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';

const HELLO = guestPath('hello-wasmedge');

const greets = async (port: number): Promise<boolean> =>
  (await (await fetch(`http://localhost:${port}`)).text()).includes('Hello');

/** A Node.js app of one file, in a directory of its own. */
const newApp = (source: string): string => {
  const directory = mkdtempSync(join(tmpdir(), 'wasmrun-app-'));
  // Its guest is nobody.
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), '{"name":"app","main":"main.js"}');
  writeFileSync(join(directory, 'main.js'), source);
  return directory;
};

test('a detached sandbox lives on, is stopped, started with the same host ports, and removed', async () => {
  const port = await freePort();
  await using sandboxes = detachedSandboxes();
  const { run, json, prefix } = sandboxes;

  const started = await run(
    'os',
    HELLO,
    '--name',
    'web',
    '--detach',
    '--forward',
    `${port}:3000`,
    '--forward',
    '3000',
  );
  expect(started).toMatchObject({ status: 0, stdout: 'web\n' });
  expect(started.stderr).toContain(`http://localhost:${port} → web:3000`);
  expect(await greets(port)).toBe(true);

  const ps = await run('ps');
  expect(ps.stdout).toMatch(/^Name +Status +Language +Forwards +App$/m);
  expect(ps.stdout).toMatch(new RegExp(`^web +up \\d+ seconds? +wasm +${port}:3000, \\d+:3000 +/`, 'm'));
  const { data: before } = await json('status', 'web');
  expect(before).toMatchObject({
    name: 'web',
    state: 'running',
    generation: 1,
    restarts: 0,
    isDetached: true,
  });
  const { stdout: status } = await run('status', 'web');
  expect(status).toMatch(/^State: +running$/m);
  expect(status).toMatch(new RegExp(`^Forward: +${port}:3000, `, 'm'));

  await run('port', 'expose', 'web', '3000');
  const { data: forwarded } = await json('ps');
  const mappings = (forwarded as unknown as PsData).sandboxes[0]!.forwards;
  expect(mappings).toHaveLength(3);

  expect(await run('stop', 'web')).toMatchObject({ status: 0, stdout: 'web\n' });
  expect(isRunning(Number(before['pid']))).toBe(false);
  expect(remains(prefix)).toEqual([`/var/lib/wasmrun/${prefix}`]);
  expect((await run('ps')).stdout).not.toContain('web');
  expect((await run('ps', '--all')).stdout).toMatch(/^web +stopped /m);
  expect(await run('stop', 'web')).toMatchObject({ status: 0 });
  expect(await json('port', 'list', 'web')).toMatchObject({ error: { code: 'SANDBOX_NOT_RUNNING' } });

  expect(await run('start', 'web')).toMatchObject({ status: 0, stdout: 'web\n' });
  expect((await json('ps')).data).toMatchObject({ sandboxes: [{ id: before['id'], forwards: mappings }] });
  expect(await json('start', 'web')).toMatchObject({ error: { code: 'SANDBOX_RUNNING' } });
  expect(await run('restart', 'web')).toMatchObject({ status: 0, stdout: 'web\n' });
  for (const { host_port } of mappings) expect(await greets(host_port)).toBe(true);

  expect(await json('rm', 'web')).toMatchObject({ exit_code: 1, error: { code: 'SANDBOX_RUNNING' } });
  expect(await run('rm', '--force', 'web')).toMatchObject({ status: 0, stdout: 'web\n' });
  expect(remains(prefix)).toEqual([]);
});

interface PsData {
  readonly sandboxes: readonly { readonly forwards: readonly { readonly host_port: number }[] }[];
}

test('a sandbox that does not come up is shown with its output and leaves nothing', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, prefix } = sandboxes;
  const app = newApp('console.log("so far"); console.error("so bad"); process.exit(3);');
  const failed = await run('os', app, '--detach', '--forward', `${await freePort()}:3000`);
  expect(failed.status).toBe(125);
  expect(failed.stdout).toBe('');
  expect(failed.stderr).toContain('so far\nso bad\n');
  expect(failed.stderr).toContain('ended with status 3 before it was ready');
  expect((await run('os', join(app, 'missing'), '--detach')).status).toBe(127);
  expect(remains(prefix)).toEqual([]);
});

test('names: a chosen one is unique among running and stopped ones, a derived one gets a number', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, json } = sandboxes;
  await run('os', HELLO, '--detach', '--name', 'web');
  await run('stop', 'web');
  expect(await run('os', HELLO, '--detach', '--name', 'web')).toMatchObject({ status: 125 });
  await run('os', HELLO, '--detach');
  await run('os', HELLO, '--detach');
  const { data } = await json('ps');
  expect(data).toMatchObject({ sandboxes: [{ name: 'hello-wasmedge' }, { name: 'hello-wasmedge-2' }] });
  expect((await run('stop', '--all')).stdout).toBe('hello-wasmedge\nhello-wasmedge-2\n');
});

test('with --restart always an app that ends is started again, and start --all brings it back after a kill', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, json } = sandboxes;
  const port = await freePort();
  const app = newApp(`
    const server = require('node:http').createServer((request, response) => {
      response.end(String(process.pid), () => request.url === '/die' && process.exit(1));
    });
    server.listen(3000);`);
  const args = ['--forward', `${port}:3000`, '--restart', 'always'];
  expect((await run('os', app, '--detach', '--name', 'api', ...args)).status).toBe(0);
  await run('os', HELLO, '--detach', '--name', 'other');
  await fetch(`http://localhost:${port}/die`);
  const restarts = async (): Promise<number> => Number((await json('status', 'api')).data['restarts']);
  while ((await restarts()) < 1) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await (await fetch(`http://localhost:${port}/`)).text()).toMatch(/^\d+$/);

  const { pid } = (await json('status', 'api')).data as { pid: number };
  process.kill(pid, 'SIGKILL');
  expect(await eventually(() => !isRunning(pid))).toBe(true);
  await run('stop', 'other');
  expect((await run('ps', '--all')).stdout).toMatch(/^api +killed /m);
  expect(await run('start', '--all')).toMatchObject({ status: 0, stdout: 'api\n' });
  expect(await (await fetch(`http://localhost:${port}/`)).text()).toMatch(/^\d+$/);
});

test('an app that ends by itself is told with its exit status, and its host port is free for others', async () => {
  await using sandboxes = detachedSandboxes();
  const { run, json } = sandboxes;
  const port = await freePort();
  const app = newApp(`
    require('node:http').createServer((request, response) => response.end('bye', () => process.exit(7))).listen(3000);`);
  await run('os', app, '--detach', '--name', 'once', '--forward', `${port}:3000`);
  await fetch(`http://localhost:${port}/`);
  const stateOf = async () => (await json('status', 'once')).data['state'];
  while ((await stateOf()) !== 'exited') await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await run('ps', '--all')).stdout).toMatch(/^once +exited \(7\) \d+ seconds? ago /m);

  await run('os', HELLO, '--detach', '--name', 'thief', '--forward', `${port}:3000`);
  const start = await run('start', 'once');
  expect(start.status).toBe(1);
  expect(start.stderr).toContain(`host port ${port} is already in use by the sandbox thief`);
});
