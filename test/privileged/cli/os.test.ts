import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
  mkdirSync,
  chmodSync,
  chownSync,
  cpSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  childrenOf,
  eventually,
  isRunning,
  killAll,
  newPrefix,
  remains,
  runCli,
  startCli,
} from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const GREETING = 'Hello from inside the sandbox\n';
const HELLO = guestPath('hello-wasmedge');
const get = async (url: string): Promise<string> => (await fetch(url)).text();

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
afterEach(() => {
  expect(remains(prefix)).toEqual([]);
});

describe('the main job', () => {
  test('a real server in a real namespace answers on the forwarded host port', async () => {
    const run = startCli(['os', HELLO, '--name', 'web', '--forward', '3000'], { prefix });
    const [, url, name, port, transport] = await run.printed(
      /^(http:\/\/localhost:\d+) → (\S+):(\d+) {2}(\S+)$/m,
    );
    expect([name, port, transport]).toEqual(['web', '3000', 'nftables']);
    const hostPort = new URL(url!).port;

    expect(await get(`http://127.0.0.1:${hostPort}/`)).toBe(GREETING);
    expect(await get(`http://[::1]:${hostPort}/`)).toBe(GREETING);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(`${prefix}-web`);
    const [, address] = await run.printed(/web {2}(\d+\.\d+\.\d+\.\d+) {2}/);
    expect(await get(`http://${address}:3000/`)).toBe(GREETING);
    expect(run.stdout()).toBe('hello: listening on 0.0.0.0 port 3000\n');

    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ status: 143, signal: null });
  });

  test('the engine is an unprivileged process without capabilities, alone in its namespace', async () => {
    await using run = startCli(['os', HELLO, '--forward', '3000'], { prefix });
    await run.url();
    const [engine] = childrenOf(run.process.pid!);
    const status = readFileSync(`/proc/${engine}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t(?!0\b)(\d+)\t\1\t\1\t\1$/m);
    expect(status).toMatch(/^Groups:\t\s*$/m);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    const inside = execFileSync('ip', ['netns', 'pids', `${prefix}-hello-wasmedge`], { encoding: 'utf8' });
    expect(inside.trim()).toBe(String(engine));
    run.process.kill('SIGINT');
    expect((await run.ended).status).toBe(130);
  });

  test('an app below a directory that only its owner may enter', async () => {
    const home = mkdtempSync(join(tmpdir(), 'wasmrun-home-'));
    try {
      chmodSync(home, 0o700);
      mkdirSync(join(home, 'app'));
      cpSync(HELLO, join(home, 'app', 'hello.wasm'));
      chownSync(join(home, 'app'), 4242, 4242);
      await using run = startCli(['os', join(home, 'app'), '--forward', '3000'], { prefix });
      expect(await get(await run.url())).toBe(GREETING);
      const [engine] = childrenOf(run.process.pid!);
      expect(readFileSync(`/proc/${engine}/status`, 'utf8')).toMatch(/^Uid:\t4242\t/m);
      run.process.kill('SIGINT');
      await run.ended;
    } finally {
      rmSync(home, { recursive: true });
    }
  });

  test.each(['hello-preview1', 'hello-wasmedge', 'hello-wasix'])(
    '%s serves by every transport',
    async (guest) => {
      for (const transport of ['nftables', 'iptables', 'handoff']) {
        await using run = startCli(['os', guestPath(guest), '--forward', '3000', '--transport', transport], {
          prefix,
        });
        const [, url, used] = await run.printed(/^(http\S+) → \S+ {2}(\S+)$/m);
        expect(used).toBe(transport);
        expect(await get(url!)).toBe(GREETING);
        run.process.kill('SIGTERM');
        await run.ended;
      }
    },
  );

  test('a forward on [::1] alone says by which way it really goes', async () => {
    await using run = startCli(['os', HELLO, '--forward', '[::1]::3000'], { prefix });
    const [, url, transport] = await run.printed(/^(http\S+) → \S+ {2}(\S+)$/m);
    expect(transport).toBe('handoff');
    expect(await get(url!)).toBe(GREETING);
    run.process.kill('SIGTERM');
    await run.ended;
  });

  test('without a forward the sandbox is reached by its own address', async () => {
    await using run = startCli(['os', HELLO, '--name', 'solo'], { prefix });
    const [, address] = await run.printed(/solo {2}(\d+\.\d+\.\d+\.\d+) {2}/);
    expect(await eventually(() => spawnSync('curl', ['-sf', `http://${address}:3000/`]).status === 0)).toBe(
      true,
    );
    run.process.kill('SIGTERM');
    await run.ended;
  });
});

describe('the end', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s stops orderly with status %i', async (signal, status) => {
    await using run = startCli(['os', HELLO, '--forward', '3000'], { prefix });
    await run.url();
    const [engine] = childrenOf(run.process.pid!);
    run.process.kill(signal);
    expect(await run.ended).toMatchObject({ status, signal: null });
    expect(isRunning(engine!)).toBe(false);
  });

  test('a guest that never blocks is killed after the grace; a second Ctrl-C does not wait', async () => {
    await using run = startCli(['os', guestPath('spinner-wasmedge')], { prefix });
    await run.printed(/spinner/);
    const start = performance.now();
    run.process.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 100));
    run.process.kill('SIGINT');
    expect((await run.ended).status).toBe(130);
    expect(performance.now() - start).toBeLessThan(1500);
  });

  test.each([0, 1, 7, 42, 125, 255])('the exit status is the guest’s own: %i', async (status) => {
    const end = await runCli(['os', guestPath('crasher'), '--', 'exit', String(status)], { prefix });
    expect(end.status).toBe(status);
  });

  test.each(['unreachable', 'divide', 'memory', 'recursion', 'abort'])(
    'a guest that crashes by "%s" ends with 134 and its stack',
    async (how) => {
      const end = await runCli(['os', guestPath('crasher'), '--', how], { prefix });
      expect(end.status).toBe(134);
      expect(end.stderr).toMatch(/^wasm trap: \S+/m);
      expect(end.stderr).toMatch(/^ {4}at \w+ \(crasher\.wasm:0x[0-9a-f]+\)$/m);
    },
  );

  test('kill -9 of the supervisor: the engine goes at once, and so does the rest', async () => {
    for (const guest of [HELLO, guestPath('spinner-wasmedge')]) {
      await using run = startCli(['os', guest, '--name', 'victim', '--forward', '3000'], { prefix });
      await run.printed(/listening|spinner/);
      const [engine] = childrenOf(run.process.pid!);
      expect(engine).toBeDefined();
      run.process.kill('SIGKILL');
      await run.ended;
      expect(await eventually(() => !isRunning(engine!), 1000)).toBe(true);
      expect(await eventually(() => remains(prefix).length === 0)).toBe(true);
    }
  });

  test('kill -9 of everything: the next command sweeps', async () => {
    await using run = startCli(['os', HELLO, '--name', 'victim', '--forward', '3000'], { prefix });
    await run.printed(/listening/);
    await killAll(run);
    expect(remains(prefix)).not.toEqual([]);
    const end = await runCli(['gc'], { prefix });
    expect(end).toMatchObject({ status: 0, stdout: expect.stringContaining('victim') });
  });

  test('the sweep leaves objects alone that have no record of ours', async () => {
    execFileSync('ip', ['netns', 'add', `${prefix}-foreign`]);
    try {
      await runCli(['gc'], { prefix });
      expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(`${prefix}-foreign`);
      const end = await runCli(['os', HELLO, '--name', 'foreign', '--forward', '3000'], { prefix });
      expect(end.status).toBe(125);
      expect(end.stderr).toContain(`a network namespace named ${prefix}-foreign exists already`);
      expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(`${prefix}-foreign`);
    } finally {
      execFileSync('ip', ['netns', 'delete', `${prefix}-foreign`]);
    }
  });
});

describe('bad input', () => {
  test('a busy host port names its owner and touches nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const end = await runCli(['os', HELLO, '--forward', `${port}:3000`], { prefix });
      expect(end.status).toBe(125);
      expect(end.stderr).toMatch(
        new RegExp(`^error: host port ${port} is already in use by \\S.* \\(pid ${process.pid}\\)$`, 'm'),
      );
      expect(end.stderr).toMatch(/^hint: .*--forward/m);
    } finally {
      server.close();
    }
  });

  test.each([
    ['not wasm', Buffer.from('#!/bin/sh\necho no\n'), /not a WebAssembly module/],
    ['truncated wasm', readFileSync(HELLO).subarray(0, 500), /not a valid WebAssembly module/],
    ['an empty file', Buffer.alloc(0), /empty|not a WebAssembly module/],
    // (module (import "env" "magic" (func)) (memory (export "memory") 1) (func (export "_start")))
    [
      'unknown imports',
      Buffer.from(
        '0061736d01000000010401600000020d0103656e76056d6167696300000302010005030100010713020' +
          '66d656d6f72790200065f737461727400010a040102000b',
        'hex',
      ),
      /imports what wasmrun does not provide: env\.magic/,
    ],
  ])('%s: status 126 and one sentence', async (_what, bytes, sentence) => {
    const directory = mkdtempSync(join(tmpdir(), 'wasmrun-bad-'));
    try {
      writeFileSync(join(directory, 'app.wasm'), bytes);
      const end = await runCli(['os', directory, '--forward', '3000'], { prefix });
      expect(end.stderr).toMatch(sentence);
      expect(end.stderr).toMatch(/^error: /m);
      expect(end.stderr).not.toMatch(/ at .*\.(js|ts):/);
      expect(end.status).toBe(126);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('a guest that never listens: a hint, not a failure', async () => {
    await using run = startCli(['os', guestPath('nolisten-wasmedge'), '--forward', '3000'], { prefix });
    await run.printed(/nothing listens on process port 3000 after 5 s/);
    expect(isRunning(run.process.pid!)).toBe(true);
    run.process.kill('SIGINT');
    expect((await run.ended).status).toBe(130);
  }, 15_000);

  test('a module that has no way to listen is told so', async () => {
    const end = await runCli(['os', guestPath('environment'), '--forward', '3000'], { prefix });
    expect(end.stderr).toMatch(
      /environment\.wasm imports no socket functions, so nothing will listen on port 3000/,
    );
    expect(end.status).toBe(0);
  });

  test('two sandboxes with one name', async () => {
    await using first = startCli(['os', HELLO, '--name', 'twin', '--forward', '3000'], { prefix });
    await first.url();
    const second = await runCli(['os', HELLO, '--name', 'twin', '--forward', '3000'], { prefix });
    expect(second.status).toBe(125);
    expect(second.stderr).toContain(`a sandbox named twin is already running (pid ${first.process.pid})`);
    first.process.kill('SIGTERM');
    await first.ended;
  });
});

describe('what a guest is given', () => {
  test('arguments, environment and nothing of the host’s', async () => {
    const end = await runCli(
      ['os', guestPath('environment'), '--env', 'A=1', '--env', 'GIVEN', '--', 'x', 'y z'],
      {
        prefix,
        env: { GIVEN: 'from outside', SECRET: 'hidden' },
      },
    );
    expect(end.stdout).toContain('arg 1 x\narg 2 y z\n');
    expect(end.stdout).toContain('env A=1\n');
    expect(end.stdout).toContain('env GIVEN=from outside\n');
    expect(end.stdout).not.toMatch(/SECRET|PATH=|HOME=/);
  });

  test('stdin, streamed through', async () => {
    const end = await runCli(['os', guestPath('cat')], { prefix, stdin: 'one\ntwo\n' });
    expect(end).toMatchObject({ status: 0, stdout: 'one\ntwo\n' });
  });

  test('output at once, not at the end', async () => {
    await using run = startCli(['os', guestPath('ticker')], { prefix });
    await run.printed(/tick 1/);
    expect(run.stdout()).not.toContain('tick 3');
    expect((await run.ended).stdout).toContain('tick 3');
  });

  test('--json: events and output, one document a line', async () => {
    await using run = startCli(['os', HELLO, '--json', '--name', 'web', '--forward', '3000'], { prefix });
    await run.printed(/"type":"forward"/);
    run.process.kill('SIGTERM');
    const { stdout, stderr } = await run.ended;
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string })
      // On a busy machine it may have to wait, and say so.
      .filter(({ type }) => type !== 'notice');
    const types = events.map(({ type }) => type);
    // What an app writes and that it listens come by different ways.
    const inOrder = [types[0], ...types.slice(1, 3).toSorted(), types[3]];
    expect(inOrder).toEqual(['started', 'forward', 'output', 'exited']);
    expect(events[3]).toEqual({ type: 'exited', status: 143, reason: 'stopped' });
    expect(stderr).toBe('');
  });
});
