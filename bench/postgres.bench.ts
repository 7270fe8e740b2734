/**
 * A database in a sandbox against Debian's PostgreSQL 18 on the same disk: pgbench's two loads in turns, select-only and
 * tpc-b-like; from nothing to the first query, which natively is initdb(1) and the server's start; the engine's memory under
 * eight clients. Both are as durable: fsync and synchronous_commit are on, shared_buffers are 32 MB, max_wal_size is 256 MB,
 * segments of the log are 1 MB, all else is as it is by default.
 *
 *   npm run bench -- postgres [--rounds 7] [--seconds 2] [--starts 5] [--scales 1,10] [--clients 1,4,8]
 *                             [--protocol simple] [--markdown]
 *
 * --protocol is pgbench's: simple, extended, prepared.
 */
import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { directoryOfNobody, initialize, startNative } from '../scripts/conformance/native-postgres.ts';
import { startPostgresGuest } from '../scripts/conformance/postgres-guest.ts';
import type { PostgresGuest } from '../scripts/conformance/postgres-guest.ts';
import { untilFirstQuery } from '../scripts/conformance/postgres-query.ts';
import { prepareDebianPostgres } from '../scripts/debian-postgres.ts';
import { DATA_DIRECTORY } from '../runtimes/postgres/postgres-options.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { newPrefix, temporaryDirectory } from './bench-host.ts';
import { memoryOf, processTree } from './process-memory.ts';
import { engineOf } from './side-by-side.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    starts: { type: 'string', default: '5' },
    scales: { type: 'string', default: '1,10' },
    clients: { type: 'string', default: '1,4,8' },
    protocol: { type: 'string', default: 'simple' },
    markdown: { type: 'boolean', default: false },
  },
});
const FORM = values.markdown ? 'markdown' : 'terminal';
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const CLIENTS = values.clients.split(',').map(Number);
/** Memory is promised under so many. */
const MOST_CLIENTS = 8;
const MB = 1000 / 1024 ** 2;

/** What the engine sets of itself, and initialize() of segments of the log. */
const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
};

const postgres = prepareDebianPostgres();
using directory = temporaryDirectory();
chmodSync(directory.path, 0o755);
const app = directoryOfNobody(join(directory.path, 'app'));
const prefix = newPrefix();
let made = 0;
const newPath = (): string => join(directory.path, `data-${(made += 1)}`);

const startGuest = (): Promise<PostgresGuest> =>
  startPostgresGuest(app, { prefix, mounts: [`${directoryOfNobody(newPath())}:${DATA_DIRECTORY}`] });

const startDebian = async (): Promise<PostgresGuest> => {
  const data = newPath();
  initialize(postgres, data);
  return startNative(postgres, data, { port: await freePort(), settings: SETTINGS });
};

const pgbench = async (port: number, args: readonly string[]): Promise<string> => {
  const at = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
  const { stdout } = await promisify(execFile)(postgres.program('pgbench'), [...at, ...args, 'postgres']);
  return stdout;
};

const LOADS = [
  { name: 'select-only', args: ['-S'], atLeast: 0.7, promisedClients: CLIENTS },
  { name: 'tpc-b-like', args: [], atLeast: 0.6, promisedClients: [4] },
] as const;

/** Transactions per second. */
const load = async (port: number, args: readonly string[], clients: number): Promise<number> => {
  const count = ['-c', String(clients), '-T', String(SECONDS), '-M', values.protocol, '-n'];
  const said = await pgbench(port, [...count, ...args]);
  // It says nothing where nothing was done in time.
  const [, figure = '0'] = /^tps = ([\d.]+)/m.exec(said) ?? [];
  return Number(figure);
};

/** Of the engine, in MB, while so many clients are at work. */
const memoryUnder = async (guest: PostgresGuest, clients: number): Promise<{ rss: number; pss: number }> => {
  const working = load(guest.port, [], clients);
  await sleep(SECONDS * 600);
  const { rss, pss } = engineOf(processTree(guest.pid).map(memoryOf));
  await working;
  return { rss: rss * MB, pss: pss * MB };
};

const rows: string[][] = [];
const memoryRows: string[][] = [];
const promises: Promised[] = [];

const measureScale = async (scale: string): Promise<void> => {
  await using guest = await startGuest();
  await using native = await startDebian();
  const servers = [native, guest];
  for (const { port } of servers) {
    await untilFirstQuery(port);
    await pgbench(port, ['-i', '-q', '-s', scale]);
  }
  for (const { name, args, atLeast, promisedClients } of LOADS) {
    for (const clients of CLIENTS) {
      const figures = servers.map((): number[] => []);
      // The first round has hot code compiled and does not count.
      for (let round = -1; round < ROUNDS; round += 1) {
        for (let turn = 0; turn < servers.length; turn += 1) {
          const index = Math.abs(round + turn) % servers.length;
          const figure = await load(servers[index]!.port, args, clients);
          if (round >= 0) figures[index]!.push(figure);
        }
      }
      const [ofNative = [], ofGuest = []] = figures;
      const value = pairedRatio(ofGuest, ofNative);
      const what = `${name}, scale ${scale}, ${clients} clients`;
      rows.push([what, median(ofNative).toFixed(0), ratio(value)]);
      console.error(`${what}: ${ratio(value)}`);
      if (promisedClients.includes(clients as never)) promises.push({ what, value, atLeast });
    }
  }
  const { rss, pss } = await memoryUnder(guest, MOST_CLIENTS);
  memoryRows.push([`scale ${scale}, ${MOST_CLIENTS} clients`, ...[rss, pss].map((each) => each.toFixed(0))]);
  memoryPromises.push({ what: `scale ${scale}`, pss });
};
const memoryPromises: { what: string; pss: number }[] = [];

/** From nothing to the first query, in ms. */
const measureStart = async (start: () => Promise<PostgresGuest>): Promise<number> => {
  const begin = performance.now();
  await using server = await start();
  return (await untilFirstQuery(server.port)) - begin;
};

for (const scale of values.scales.split(',').filter(Boolean)) await measureScale(scale);
const starts = { native: [] as number[], guest: [] as number[] };
for (let round = -1; round < Number(values.starts); round += 1) {
  const [native, guest] = [await measureStart(startDebian), await measureStart(startGuest)];
  if (round < 0) continue;
  starts.native.push(native);
  starts.guest.push(guest);
}

console.log(`native is Debian's PostgreSQL ${postgres.version}; ${JSON.stringify(SETTINGS)}\n`);
console.log(
  `transactions by pgbench, ${values.protocol} protocol, ${ROUNDS} rounds of ${SECONDS} s in turns, paired medians\n`,
);
printTable(['', 'native, per second', 'guest : native'], rows, FORM);
console.log('\nmemory of the engine, in MB\n');
printTable(['', 'RSS', 'PSS'], memoryRows, FORM);
if (starts.native.length > 0) {
  const value = pairedRatio(starts.guest, starts.native);
  console.log(`\nfrom nothing to the first query, ${values.starts} rounds in turns\n`);
  printTable(
    ['', 'initdb, postgres, first query', 'guest : native'],
    [['new data directory', `${median(starts.native).toFixed(0)} ms`, ratio(value)]],
    FORM,
  );
  promises.push({ what: 'new data directory to first query : native', value, atMost: 1 });
}
printPromises(promises);
for (const { what, pss } of memoryPromises)
  console.log(
    `PSS of the engine, ${what}: ${pss.toFixed(0)} MB, promised at most 350 ${pss <= 350 ? 'kept' : 'BROKEN in this run'}`,
  );
