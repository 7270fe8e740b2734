/**
 * Reloads under load: what clients meet while the app is replaced again and again, for each transport and both
 * ways to replace it, and for the naive one: stop the command, start it again. Four clients open a connection for
 * each request, four keep theirs. A latency is compared with that of the same clients when nothing is reloaded.
 * Needs root.
 *
 *   npm run bench -- reload [--reloads 50] [--markdown]
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtempDisposable, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from '../test/helpers/free-port.ts';
import { printPromises, printTable } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    reloads: { type: 'string', default: '50' },
    markdown: { type: 'boolean', default: false },
  },
});
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BIN = join(ROOT, 'bin', 'wasmrun.cjs');
const GUESTS = ['hello-wasmedge', 'hello-wasix'].map((name) => join(ROOT, 'test', 'guests', `${name}.wasm`));
const RELOADS = Number(values.reloads);
/** How long the undisturbed clients are listened to, in ms. */
const CALM_MS = 3000;

/** Prints, at each line of standard input, what has been since the last: outcomes, and latencies in ms. */
const CLIENTS = `
  const http = require('node:http');
  const [url] = process.argv.slice(1);
  let seen = { counts: {}, times: [] };
  const request = (agent) => new Promise((resolve) => {
    const failed = (error) => resolve(error.code || error.message);
    http.get(url, { agent, timeout: 5000 }, (response) => {
      response.on('error', failed).on('end', () => resolve(String(response.statusCode))).resume();
    }).on('timeout', function () { this.destroy(new Error('timeout')); }).on('error', failed);
  });
  const client = async (agent) => {
    for (;;) {
      const begin = performance.now();
      const outcome = await request(agent);
      seen.times.push(performance.now() - begin);
      seen.counts[outcome] = (seen.counts[outcome] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  for (let index = 0; index < 4; index += 1) { client(false); client(agent); }
  process.stdin.on('data', () => { console.log(JSON.stringify(seen)); seen = { counts: {}, times: [] }; });
`;

interface Seen {
  readonly counts: Readonly<Record<string, number>>;
  readonly times: readonly number[];
}

interface Clients extends AsyncDisposable {
  /** Since the last time. */
  report(): Promise<Seen>;
}

const startClients = (port: number): Clients => {
  const child = spawn(process.execPath, ['-e', CLIENTS, `http://127.0.0.1:${port}/`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let arrived = Promise.withResolvers<void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.endsWith('\n')) arrived.resolve();
  });
  return {
    async report() {
      arrived = Promise.withResolvers();
      text = '';
      child.stdin.write('\n');
      await arrived.promise;
      return JSON.parse(text) as Seen;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
};

const prefix = `b${randomBytes(3).toString('hex')}`;

/** The command, and how often its output has matched something. */
const startWasmrun = (
  args: readonly string[],
): { child: ChildProcess; printed(what: RegExp): Promise<void> } => {
  const child = spawn(process.execPath, ['--', BIN, 'os', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
  });
  let unread = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (unread += chunk));
  return {
    child,
    async printed(what) {
      while (!what.test(unread)) {
        if (child.exitCode !== null) throw new Error(`wasmrun ended: ${unread}`);
        await sleep(2);
      }
      unread = '';
    },
  };
};

interface Outcome {
  readonly way: string;
  readonly calm: Seen;
  readonly disturbed: Seen;
}

const measure = async (transport: string, mode: string): Promise<Outcome> => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-bench-'));
  const module = join(directory.path, 'server.wasm');
  const port = await freePort();
  const save = async (index: number): Promise<void> => {
    await copyFile(GUESTS[index % 2]!, `${module}.new`);
    await rename(`${module}.new`, module);
  };
  await save(0);
  const policy = mode === 'naive' ? 'overlap' : mode;
  await writeFile(join(directory.path, '.wasmrun.toml'), `[watch]\nreload = "${policy}"\ndebounce_ms = 20\n`);
  const args = [directory.path, '--transport', transport, '--forward', `${port}:3000`];
  let run = startWasmrun(mode === 'naive' ? args : [...args, '--watch']);
  await run.printed(/ → /);
  await using clients = startClients(port);
  await sleep(500);
  await clients.report();
  await sleep(CALM_MS);
  const calm = await clients.report();
  for (let count = 1; count <= RELOADS; count += 1) {
    await save(count);
    if (mode === 'naive') {
      run.child.kill('SIGTERM');
      await once(run.child, 'exit');
      run = startWasmrun(args);
      await run.printed(/ → /);
    } else await run.printed(/^reloaded /m);
  }
  const disturbed = await clients.report();
  run.child.kill('SIGTERM');
  await once(run.child, 'exit');
  return { way: `${transport}, ${mode}`, calm, disturbed };
};

const percentile = (times: readonly number[], share: number): number => {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
};

const failuresOf = ({ counts }: Seen): number =>
  Object.entries(counts).reduce((sum, [outcome, count]) => (outcome === '200' ? sum : sum + count), 0);

const outcomes: Outcome[] = [];
for (const transport of ['nftables', 'iptables', 'handoff']) {
  for (const mode of ['overlap', 'restart']) outcomes.push(await measure(transport, mode));
}
outcomes.push(await measure('nftables', 'naive'));

console.log(`${RELOADS} reloads under 4 new-connection and 4 keep-alive clients\n`);
printTable(
  ['way', 'requests', 'failed', 'p99.9, ms', ': without reloads', 'worst, ms'],
  outcomes.map(({ way, calm, disturbed }) => [
    way,
    String(disturbed.times.length),
    String(failuresOf(disturbed)),
    percentile(disturbed.times, 0.999).toFixed(1),
    (percentile(disturbed.times, 0.999) / percentile(calm.times, 0.999)).toFixed(2),
    Math.max(...disturbed.times).toFixed(1),
  ]),
  values.markdown ? 'markdown' : 'terminal',
);
const promises = outcomes
  .filter(({ way }) => !way.endsWith('naive'))
  .flatMap(({ way, calm, disturbed }): Promised[] => [
    { what: `${way}: failed requests`, value: failuresOf(disturbed), atMost: 0 },
    ...(way.endsWith('overlap')
      ? [
          {
            what: `${way}: p99.9 : without reloads`,
            value: percentile(disturbed.times, 0.999) / percentile(calm.times, 0.999),
            atMost: 2,
          },
        ]
      : []),
  ]);
printPromises(promises);
