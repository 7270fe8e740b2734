/**
 * Reloads under load: what clients meet while the app is replaced again and again, for each transport and both
 * ways to replace it, and for the naive one: stop the command, start it again. Four clients open a connection for
 * each request, four keep theirs. A latency is compared with that of a second sandbox, never reloaded and so warm:
 * its clients have turns as long as the others', so that both percentiles rest on as many requests and on the
 * same noise. Needs root.
 *
 *   npm run bench -- reload [--reloads 50] [--markdown]
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtempDisposable, rename, writeFile } from 'node:fs/promises';
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
/** Reloads between two turns of the clients of the other sandbox. */
const TURN = 10;
/** The version that was replaced has ended by then, in ms. */
const SETTLE_MS = 500;
/** Clients and servers are used so long before they count, in ms. */
const WARM_MS = 1000;

/** From one line of standard input to the next, then prints what has been: outcomes, and latencies in ms. */
const CLIENTS = `
  const http = require('node:http');
  const [url] = process.argv.slice(1);
  let active = false;
  let seen;
  const request = (agent) => new Promise((resolve) => {
    const failed = (error) => resolve(error.code || error.message);
    http.get(url, { agent, timeout: 5000 }, (response) => {
      response.on('error', failed).on('end', () => resolve(String(response.statusCode))).resume();
    }).on('timeout', function () { this.destroy(new Error('timeout')); }).on('error', failed);
  });
  const client = async (agent) => {
    while (active) {
      const begin = performance.now();
      const outcome = await request(agent);
      seen.times.push(performance.now() - begin);
      seen.counts[outcome] = (seen.counts[outcome] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  let clients;
  process.stdin.on('data', async () => {
    active = !active;
    if (active) {
      seen = { counts: {}, times: [] };
      clients = [false, false, false, false, agent, agent, agent, agent].map(client);
    } else {
      await Promise.all(clients);
      console.log(JSON.stringify(seen));
    }
  });
`;

interface Seen {
  readonly counts: Readonly<Record<string, number>>;
  readonly times: readonly number[];
}

interface Clients extends AsyncDisposable {
  /** What they meet while something is done. */
  during(work: () => Promise<unknown>): Promise<Seen>;
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
    async during(work) {
      arrived = Promise.withResolvers();
      text = '';
      child.stdin.write('\n');
      await work();
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

interface App {
  readonly port: number;
  readonly args: readonly string[];
  save(version: number): Promise<void>;
}

const createApp = async (directory: string, transport: string, mode: string): Promise<App> => {
  await mkdir(directory);
  const module = join(directory, 'server.wasm');
  const save = async (version: number): Promise<void> => {
    await copyFile(GUESTS[version % 2]!, `${module}.new`);
    await rename(`${module}.new`, module);
  };
  await save(0);
  const policy = mode === 'naive' ? 'overlap' : mode;
  await writeFile(join(directory, '.wasmrun.toml'), `[watch]\nreload = "${policy}"\ndebounce_ms = 20\n`);
  const port = await freePort();
  const args = [directory, '--transport', transport, '--forward', `${port}:3000`];
  return { port, args: mode === 'naive' ? args : [...args, '--watch'], save };
};

const measure = async (transport: string, mode: string): Promise<Outcome> => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-bench-'));
  const calmApp = await createApp(join(directory.path, 'calm'), transport, mode);
  const app = await createApp(join(directory.path, 'reloaded'), transport, mode);
  const calmRun = startWasmrun(calmApp.args);
  await calmRun.printed(/ → /);
  let run = startWasmrun(app.args);
  await run.printed(/ → /);
  const reload = async (version: number): Promise<void> => {
    await app.save(version);
    if (mode === 'naive') {
      await ended(run.child);
      run = startWasmrun(app.args);
      await run.printed(/ → /);
    } else await run.printed(/^reloaded /m);
  };
  await using calmClients = startClients(calmApp.port);
  await using clients = startClients(app.port);
  for (const each of [calmClients, clients]) await each.during(() => sleep(WARM_MS));
  const calm: Seen[] = [];
  const disturbed: Seen[] = [];
  for (let done = 0; done < RELOADS; done += TURN) {
    const begin = performance.now();
    const seen = await clients.during(async () => {
      for (let version = done + 1; version <= Math.min(done + TURN, RELOADS); version += 1) {
        await reload(version);
      }
    });
    disturbed.push(seen);
    const lasted = performance.now() - begin;
    await sleep(SETTLE_MS);
    calm.push(await calmClients.during(() => sleep(lasted)));
  }
  await Promise.all([ended(run.child), ended(calmRun.child)]);
  return { way: `${transport}, ${mode}`, calm: together(calm), disturbed: together(disturbed) };
};

const ended = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGTERM');
  await once(child, 'exit');
};

const together = (parts: readonly Seen[]): Seen => {
  const counts: Record<string, number> = {};
  for (const [outcome, count] of parts.flatMap((part) => Object.entries(part.counts))) {
    counts[outcome] = (counts[outcome] ?? 0) + count;
  }
  return { counts, times: parts.flatMap(({ times }) => times) };
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
