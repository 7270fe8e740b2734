/**
 * Node apps as guests against the same apps run by the pinned Node on the same machine: Express, Fastify and
 * plain `http`. Requests over 8 connections that are kept open, loaded in turns; from the command to the first
 * 200, with a snapshot from an earlier start and for the very first time; memory after the load.
 *
 *   npm run bench -- node [--rounds 7] [--seconds 2] [--starts 9] [--apps Express] [--native-only] [--markdown]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/helpers/free-port.ts';
import { guestCommand, nativeCommand } from '../test/helpers/nodejs-command.ts';
import { newPrefix, temporaryDirectory } from './bench-host.ts';
import { openHttpLoad } from './http-load.ts';
import type { HttpLoad } from './http-load.ts';
import { installApps } from './node-apps.ts';
import type { NodeApp } from './node-apps.ts';
import { memoryOf, processTree } from './process-memory.ts';
import type { ProcessMemory } from './process-memory.ts';
import { startServer } from './started-server.ts';
import type { Server } from './started-server.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    starts: { type: 'string', default: '9' },
    apps: { type: 'string', default: '' },
    'native-only': { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
  },
});
const CONNECTIONS = 8;
/** Time to compile hot code before anything counts, in seconds. */
const WARM_UP_SECONDS = 2;
const GUEST_PORT = 3000;
const ROUNDS = Number(values.rounds);
const STARTS = Number(values.starts);
const FORM = values.markdown ? 'markdown' : 'terminal';
const ENVIRONMENT = { NODE_ENV: 'production' };

const startNative = async (app: NodeApp): Promise<Server> => {
  const port = await freePort();
  const env = { ...ENVIRONMENT, PORT: String(port) };
  return startServer(nativeCommand({ directory: app.directory, env }), port);
};

using directory = temporaryDirectory();
const prefix = newPrefix();

/** @param cache - where snapshots are kept; an empty one makes it the first start ever */
const startGuest = async (app: NodeApp, cache: string): Promise<Server> => {
  const port = await freePort();
  const { env, ...command } = guestCommand(
    { directory: app.directory, env: { ...ENVIRONMENT, PORT: String(GUEST_PORT) } },
    { prefix, name: 'app', forwards: [`${port}:${GUEST_PORT}`] },
  );
  return startServer({ ...command, env: { ...env, XDG_CACHE_HOME: cache } }, port);
};

let caches = 0;
const newCache = (): string => {
  caches += 1;
  const path = join(directory.path, `cache-${caches}`);
  mkdirSync(path);
  return path;
};
const warmCache = newCache();

/** The engine is the largest of the processes of a command. */
const engineOf = (tree: readonly ProcessMemory[]): ProcessMemory =>
  tree.reduce((largest, each) => (each.rss > largest.rss ? each : largest));

interface Serving {
  /** Answers of each round. */
  readonly native: readonly number[];
  readonly guest: readonly number[];
  /** Guest through native. */
  readonly memory: { readonly rss: number; readonly pss: number; readonly allPss: number } | undefined;
}

/** Loads both in turns; then looks at their memory. */
const measureServing = async (app: NodeApp, load: HttpLoad): Promise<Serving> => {
  await using native = await startNative(app);
  await using guest = values['native-only'] ? undefined : await startGuest(app, warmCache);
  const servers = [native, ...(guest === undefined ? [] : [guest])];
  for (const { port } of servers) load.run(port, CONNECTIONS, WARM_UP_SECONDS);
  const answers = servers.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let turn = 0; turn < servers.length; turn += 1) {
      const index = (round + turn) % servers.length;
      answers[index]!.push(load.run(servers[index]!.port, CONNECTIONS, Number(values.seconds)));
    }
  }
  const [ofNative = [], ofGuest = []] = answers;
  if (guest === undefined) return { native: ofNative, guest: ofGuest, memory: undefined };
  const plain = memoryOf(native.pid);
  const tree = processTree(guest.pid).map(memoryOf);
  const engine = engineOf(tree);
  const allPss = tree.reduce((sum, { pss }) => sum + pss, 0);
  const memory = { rss: engine.rss / plain.rss, pss: engine.pss / plain.pss, allPss: allPss / plain.pss };
  return { native: ofNative, guest: ofGuest, memory };
};

interface Starts {
  readonly native: readonly number[];
  readonly warm: readonly number[];
  readonly first: readonly number[];
}

const measureStarts = async (app: NodeApp): Promise<Starts> => {
  const ways = {
    native: () => startNative(app),
    ...(!values['native-only'] && {
      warm: () => startGuest(app, warmCache),
      first: () => startGuest(app, newCache()),
    }),
  };
  const times = { native: [] as number[], warm: [] as number[], first: [] as number[] };
  // The first round fills caches and does not count.
  for (let round = -1; round < STARTS; round += 1) {
    for (const [way, start] of Object.entries(ways)) {
      await using server = await start();
      if (round >= 0) times[way as keyof Starts].push(server.startTime);
    }
  }
  return times;
};

const apps = installApps(directory.path).filter(({ name }) => name.includes(values.apps));
using load = openHttpLoad();
const rows: string[][] = [];
const startRows: string[][] = [];
const promises: Promised[] = [];
/** At least so much of native Node's requests. */
const LEAST_REQUESTS: ReadonlyMap<string, number> = new Map([
  ['Express 5', 0.33],
  ['http', 0.2],
]);

for (const app of apps) {
  const { native, guest, memory } = await measureServing(app, load);
  const perSecond = (median(native) / Number(values.seconds)).toFixed(0);
  const starts = await measureStarts(app);
  const bare = `${median(starts.native).toFixed(0)} ms`;
  if (memory === undefined) {
    rows.push([app.name, perSecond]);
    startRows.push([app.name, bare]);
    continue;
  }
  const requests = pairedRatio(guest, native);
  const warm = pairedRatio(starts.warm, starts.native);
  rows.push([app.name, perSecond, ...[requests, memory.rss, memory.pss, memory.allPss].map(ratio)]);
  startRows.push([app.name, bare, ...[warm, pairedRatio(starts.first, starts.native)].map(ratio)]);
  const atLeast = LEAST_REQUESTS.get(app.name);
  if (atLeast !== undefined)
    promises.push({ what: `${app.name}: requests : native`, value: requests, atLeast });
  promises.push({ what: `${app.name}: command to first 200 : native`, value: warm, atMost: 2 });
  promises.push({ what: `${app.name}: RSS of the engine : native`, value: memory.rss, atMost: 1.5 });
}

const guestColumns = (...headings: string[]): string[] => (values['native-only'] ? [] : headings);
console.log(
  `requests over ${CONNECTIONS} kept connections by ${load.name}, ${ROUNDS} rounds of ${values.seconds} s in turns, paired medians; then memory\n`,
);
printTable(
  [
    '',
    'native, per second',
    ...guestColumns('guest : native', 'RSS, engine : native', 'PSS, engine : native', 'PSS, all : native'),
  ],
  rows,
  FORM,
);
console.log(`\nfrom the command to the first 200, ${STARTS} rounds in turns\n`);
printTable(['', 'native', ...guestColumns('guest : native', 'very first start : native')], startRows, FORM);
if (promises.length > 0) printPromises(promises);
