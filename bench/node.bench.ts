/**
 * Node apps as guests against the same apps run by the pinned Node on the same machine: Express, Fastify and
 * plain `http`. Requests over 8 connections that are kept open, loaded in turns; from the command to the first
 * 200, with a snapshot from an earlier start and for the very first time; memory after the load.
 *
 *   npm run bench -- node [--rounds 7] [--seconds 2] [--starts 9] [--apps Express] [--native-only] [--markdown]
 */
import { parseArgs } from 'node:util';
import { freePort } from '../test/helpers/free-port.ts';
import { guestCommand, nativeCommand } from '../test/helpers/nodejs-command.ts';
import { newPrefix, temporaryDirectory } from './bench-host.ts';
import { openHttpLoad } from './http-load.ts';
import type { HttpLoad } from './http-load.ts';
import { installApps } from './node-apps.ts';
import type { NodeApp } from './node-apps.ts';
import { memoryOf } from './process-memory.ts';
import {
  SnapshotCaches,
  engineOf,
  loadInTurns,
  measureStarts,
  memoryOfTree,
  startGuestServer,
} from './side-by-side.ts';
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

const caches = new SnapshotCaches(directory.path);

/** @param cache - where snapshots are kept; an empty one makes it the first start ever */
const startGuest = async (app: NodeApp, cache = caches.warm): Promise<Server> => {
  const port = await freePort();
  const guest = guestCommand(
    { directory: app.directory, env: { ...ENVIRONMENT, PORT: String(GUEST_PORT) } },
    { prefix, name: 'app', forwards: [`${port}:${GUEST_PORT}`] },
  );
  return startGuestServer(guest, port, cache);
};

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
  await using guest = values['native-only'] ? undefined : await startGuest(app);
  const servers = [native, ...(guest === undefined ? [] : [guest])];
  const [ofNative = [], ofGuest = []] = loadInTurns(load, servers, {
    connections: CONNECTIONS,
    rounds: ROUNDS,
    seconds: Number(values.seconds),
    warmUpSeconds: WARM_UP_SECONDS,
  });
  if (guest === undefined) return { native: ofNative, guest: ofGuest, memory: undefined };
  const plain = memoryOf(native.pid);
  const tree = memoryOfTree(guest);
  const engine = engineOf(tree);
  const allPss = tree.reduce((sum, { pss }) => sum + pss, 0);
  const memory = { rss: engine.rss / plain.rss, pss: engine.pss / plain.pss, allPss: allPss / plain.pss };
  return { native: ofNative, guest: ofGuest, memory };
};

/** Times of each way; none of guests where only Node itself is measured. */
const measureAllStarts = (app: NodeApp) => {
  const native = () => startNative(app);
  const ways = { native, warm: () => startGuest(app), first: () => startGuest(app, caches.empty()) };
  return values['native-only']
    ? measureStarts({ native }, STARTS).then((times) => ({ ...times, warm: [], first: [] }))
    : measureStarts(ways, STARTS);
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
  const starts = await measureAllStarts(app);
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
