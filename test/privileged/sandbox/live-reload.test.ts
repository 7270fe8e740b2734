/** `--watch` as its user sees it: the files of a real app change while clients use it. */
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { State } from '../../../src/sandbox/state.ts';
import { eventually, isRunning, newPrefix, remains, runCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import {
  createApp,
  engineOf,
  get,
  reloaded,
  reloads,
  stop,
  watch as watchApp,
} from '../../helpers/live-app.ts';
import type { LiveApp } from '../../helpers/live-app.ts';
import { startLoad } from '../../helpers/load.ts';
import { identityOf, watchRules } from './sandbox-identity.ts';

const PATIENCE_MS = 15_000;

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
// Only what a failed test has left behind.
afterEach(() => runCli(['gc'], { prefix }));

const watch = (app: LiveApp, ...args: string[]): CliRun => watchApp(app, args, { prefix });

const VERSIONS = ['hello-wasix', 'hello-wasmedge', 'hello-preview1'] as const;

describe.each(['nftables', 'iptables', 'handoff'])('a reload with %s', (transport) => {
  test.each(['overlap', 'restart'])(
    '(%s) fails no request, on new connections and on kept ones',
    async (mode) => {
      await using app = await createApp(
        'hello-wasmedge',
        `[network]\nforwards = ["3000"]\n[watch]\nreload = "${mode}"\n`,
      );
      await using run = watch(app, '--transport', transport);
      const url = await run.url();
      const first = await engineOf(run);
      const [, address] = /^\S+ {2}([\d.]+)/m.exec(run.stderr())!;
      const before = identityOf(run, url);
      await using changes = await watchRules(prefix);
      await using fresh = startLoad(url);
      await using kept = startLoad(url, { how: 'keep-alive' });

      for (const version of [...VERSIONS, ...VERSIONS]) await reloaded(run, () => app.save(version));

      for (const load of [fresh, kept]) {
        const { counts } = await load.stop();
        expect(Object.keys(counts), JSON.stringify(counts)).toEqual(['200']);
        expect(counts['200']).toBeGreaterThan(50);
      }
      const last = await engineOf(run);
      expect(last).not.toBe(first);
      expect(isRunning(first)).toBe(false);
      // The same objects as before: nothing that leads in was made anew, or taken away for a moment.
      expect(identityOf(run, url)).toEqual(before);
      expect(await changes.lines()).toEqual([]);
      expect(await get(`http://${address}:3000/`)).toContain('Hello');
      expect(run.stderr().match(/→/g)).toHaveLength(1);
      await stop(run);
    },
  );
});

describe('a new version', () => {
  test('that cannot run leaves the old one serving, and the next save tries again', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    const url = await run.url();
    const first = await engineOf(run);
    await writeFile(app.module, 'not WebAssembly');
    await run.printed(/^reload failed {2}server\.wasm {2}.*\(v1 goes on\)$/m);
    expect(await get(url)).toContain('Hello');
    expect(await engineOf(run)).toBe(first);
    await reloaded(run, () => app.save('hello-wasix'));
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });

  test('whose build fails comes when the configuration is mended', async () => {
    const network = '[network]\nforwards = ["3000"]\n';
    await using app = await createApp('hello-wasmedge', `[build]\ncommand = "true"\n${network}`);
    await using run = watch(app);
    await run.url();
    await app.configure(`[build]\ncommand = "flase"\n${network}`);
    await app.save('hello-wasix');
    await run.printed(
      /^reload failed {2}.*the build "flase" failed: there is no such program \(v1 goes on\)$/m,
    );
    await reloaded(run, () => app.configure(`[build]\ncommand = "true"\n${network}`));
    await stop(run);
  });

  test('does not wait for other sandboxes that start or stop', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    await run.url();
    await engineOf(run);
    await new State(prefix).exclusively(() => reloaded(run, () => app.save('hello-wasix')));
    await stop(run);
  });

  test('that ends before it listens leaves the old one serving', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app, '--', '3000');
    const url = await run.url();
    await app.save('crasher');
    await run.printed(/^reload failed {2}server\.wasm {2}the app ended with status \d+ \(v1 goes on\)$/m);
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });

  test('is brought by a change of the settings that concern it, by one for forwards alone none', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    const url = await run.url();
    const first = await engineOf(run);
    const port = new URL(url).port;

    await app.configure(`[network]\nforwards = ["3000", "127.0.0.1::3000"]\n`);
    const [, added] = await run.printed(/^(http:\/\/127\.0\.0\.1:\d+) → /m);
    expect(await get(added!)).toContain('Hello');
    expect(await engineOf(run)).toBe(first);

    await app.configure('[network]\nforwards = ["3000"]\n');
    await run.printed(/ closed$/m);
    await expect(get(added!)).rejects.toThrow();
    expect(await get(url)).toContain('Hello');

    await app.configure('[network]\nforwards = ["3000"\n');
    await run.printed(/^reload failed {2}\.wasmrun\.toml {2}.*\.wasmrun\.toml:\d+:\d+: /m);
    expect(await get(url)).toContain('Hello');
    expect(await engineOf(run)).toBe(first);

    await reloaded(run, () => app.configure('[app]\nenv = { A = "1" }\n[network]\nforwards = ["3000"]\n'));
    expect(new URL(url).port).toBe(port);
    expect(await get(url)).toContain('Hello');
    expect(await engineOf(run)).not.toBe(first);
    await stop(run);
  });

  test('that crashes later is started again, less and less often, until a change', async () => {
    await using app = await createApp('crasher', '[app]\nargs = ["exit", "3"]\n');
    await using run = watch(app);
    await run.printed(/with status 3; starting it again in 250 ms/);
    await run.printed(/with status 3; starting it again in 500 ms/);
    await run.printed(/6 times in a row; waiting for a change/);
    await app.configure('[network]\nforwards = ["3000"]\n');
    await app.save('hello-wasmedge');
    expect(await get(await run.url())).toContain('Hello');
    await stop(run);
  }, 60_000);
});

describe('a connection that goes on', () => {
  test('is given the grace, then ends properly', async () => {
    await using app = await createApp(
      'hello-wasmedge',
      '[network]\nforwards = ["3000"]\n[watch]\ngrace_ms = 1500\n',
    );
    await using run = watch(app);
    const { port } = new URL(await run.url());
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    // Half a request: the guest is in the middle of it.
    socket.write('GET / HTTP/1.1\r\n');
    let hasEnded = false;
    socket.on('end', () => (hasEnded = true)).resume();
    const failures: Error[] = [];
    socket.on('error', (error) => failures.push(error));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await reloaded(run, () => app.save('hello-wasix'));
    expect(hasEnded).toBe(false);
    await once(socket, 'close');
    expect([hasEnded, failures]).toEqual([true, []]);
    await stop(run);
  });
});

describe('nothing is left', () => {
  test.each(['start', 'drain', 'stop'])('after Ctrl-C and a change during the %s', async (moment) => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    await run.url();
    if (moment === 'stop') run.process.kill('SIGINT');
    await app.save('hello-wasix');
    if (moment === 'drain') await run.printed(/^reloaded /m);
    else if (moment === 'start') await new Promise((resolve) => setTimeout(resolve, 130));
    run.process.kill('SIGINT');
    expect((await run.ended).status).toBe(130);
    expect(remains(prefix)).toEqual([]);
  });

  test('after 200 saves in one second, and the last of them is what runs', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    const url = await run.url();
    for (let count = 0; count < 200; count += 1) {
      await app.save(VERSIONS[count % 3]!);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await eventually(() => reloads(run) > 0, PATIENCE_MS)).toBe(true);
    const latest = statSync(app.module).ino;
    expect(latest).toBeGreaterThan(0);
    await engineOf(run);
    expect(reloads(run)).toBeLessThan(20);
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });

  test('after the app was deleted and came back', async () => {
    await using app = await createApp('hello-wasmedge');
    await using run = watch(app);
    const url = await run.url();
    await rm(app.path, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await get(url)).toContain('Hello');
    await reloaded(run, async () => {
      await mkdir(app.path);
      await app.configure('[network]\nforwards = ["3000"]\n');
      await app.save('hello-wasix');
    });
    expect(await get(url)).toContain('Hello');
    await stop(run);
  });
});
