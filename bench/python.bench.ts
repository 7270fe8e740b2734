/**
 * Python apps as guests against the same apps run by native CPython of the same minor version, Debian sid's: Flask with
 * threads, asyncio, and uvicorn with Starlette. Requests over 8 connections that are kept open, loaded in turns; from the
 * command to the first 200, with a snapshot from an earlier start and for the very first time; memory after the load, and
 * whether it grows.
 *
 *   npm run bench -- python [--rounds 7] [--seconds 2] [--starts 9] [--apps Flask] [--growth 100000] [--markdown]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareDebianPython } from '../scripts/conformance/debian-python.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { pythonGuestCommand } from '../test/helpers/python-command.ts';
import { newPrefix, temporaryDirectory } from './bench-host.ts';
import { openHttpLoad } from './http-load.ts';
import { memoryOf } from './process-memory.ts';
import type { ProcessMemory } from './process-memory.ts';
import { PYTHON_PORT, writePythonApps } from './python-apps.ts';
import type { PythonApp } from './python-apps.ts';
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
    growth: { type: 'string', default: '100000' },
    markdown: { type: 'boolean', default: false },
  },
});
const CONNECTIONS = 8;
/** Time to compile hot code before anything counts, in seconds. */
const WARM_UP_SECONDS = 4;
/** After so many requests memory is looked at: early, when V8's own heap has the size that it keeps, and at the end. */
const FEW_REQUESTS = 1000;
const SOME_REQUESTS = 25_000;
const SECONDS = Number(values.seconds);
const FORM = values.markdown ? 'markdown' : 'terminal';

using directory = temporaryDirectory();
using load = openHttpLoad();
const prefix = newPrefix();
const { version, command } = prepareDebianPython();

const startNative = async ({ directories }: PythonApp): Promise<Server> => {
  const port = await freePort();
  const [file, ...args] = command;
  const env = {
    PATH: '/usr/bin:/bin',
    PYTHONPATH: join(directories.native, 'site-packages'),
    PORT: String(port),
  };
  return startServer({ file, args: [...args, 'main.py'], cwd: directories.native, env }, port);
};

const caches = new SnapshotCaches(directory.path);

/** @param cache - where snapshots are kept; an empty one makes it the first start ever */
const startGuest = async ({ directories }: PythonApp, cache = caches.warm): Promise<Server> => {
  const port = await freePort();
  const guest = pythonGuestCommand(
    { directory: directories.guest, module: 'main.py' },
    { prefix, name: 'app', forwards: [`${port}:${PYTHON_PORT}`] },
  );
  return startGuestServer(guest, port, cache);
};

const engineMemory = (server: Server): ProcessMemory => engineOf(memoryOfTree(server));

interface Serving {
  /** Answers of each round. */
  readonly native: readonly number[];
  readonly guest: readonly number[];
  /** Guest through native. */
  readonly rss: number;
  readonly pss: number;
}

/** Loads both in turns; then looks at their memory. */
const measureServing = async (app: PythonApp): Promise<Serving> => {
  await using native = await startNative(app);
  await using guest = await startGuest(app);
  const [ofNative = [], ofGuest = []] = loadInTurns(load, [native, guest], {
    connections: CONNECTIONS,
    rounds: Number(values.rounds),
    seconds: SECONDS,
    warmUpSeconds: WARM_UP_SECONDS,
  });
  const [plain, engine] = [memoryOf(native.pid), engineMemory(guest)];
  return { native: ofNative, guest: ofGuest, rss: engine.rss / plain.rss, pss: engine.pss / plain.pss };
};

interface Growth {
  /** RSS of the engine after all requests through that after {@link FEW_REQUESTS}. */
  readonly sinceFew: number;
  /** The same since {@link SOME_REQUESTS}. */
  readonly sinceSome: number;
}

const measureGrowth = async (app: PythonApp, requests: number): Promise<Growth> => {
  await using guest = await startGuest(app);
  let answered = 0;
  const answer = (count: number): number => {
    while (answered < count) answered += load.run(guest.port, CONNECTIONS, 1);
    return engineMemory(guest).rss;
  };
  const few = answer(FEW_REQUESTS);
  const some = answer(SOME_REQUESTS);
  const all = answer(requests);
  return { sinceFew: all / few, sinceSome: all / some };
};

/** At least so much of native CPython's requests. */
const LEAST_REQUESTS: ReadonlyMap<string, number> = new Map([
  ['Flask, threads', 0.75],
  ['asyncio', 0.45],
  ['uvicorn, Starlette', 0.6],
]);

const rows: string[][] = [];
const startRows: string[][] = [];
const promises: Promised[] = [];
const apps = writePythonApps(directory.path).filter(({ name }) => name.includes(values.apps));
for (const app of apps) {
  const { native, guest, rss, pss } = await measureServing(app);
  const requests = pairedRatio(guest, native);
  rows.push([app.name, (median(native) / SECONDS).toFixed(0), ...[requests, rss, pss].map(ratio)]);
  const starts = await measureStarts(
    {
      native: () => startNative(app),
      warm: () => startGuest(app),
      first: () => startGuest(app, caches.empty()),
    },
    Number(values.starts),
  );
  const warm = pairedRatio(starts.warm, starts.native);
  const first = pairedRatio(starts.first, starts.native);
  startRows.push([app.name, `${median(starts.native).toFixed(0)} ms`, ratio(warm), ratio(first)]);
  promises.push({
    what: `${app.name}: requests : native`,
    value: requests,
    atLeast: LEAST_REQUESTS.get(app.name)!,
  });
  if (app.name.startsWith('Flask')) {
    promises.push({ what: `${app.name}: command to first 200 : native`, value: warm, atMost: 1 });
    const growth = Number(values.growth);
    if (growth > SOME_REQUESTS) {
      const { sinceFew, sinceSome } = await measureGrowth(app, growth);
      console.log(
        `RSS of ${app.name} after ${growth} requests : after ${FEW_REQUESTS}: ${ratio(sinceFew)}\n`,
      );
      promises.push({
        what: `${app.name}: RSS after ${growth} requests : after ${SOME_REQUESTS}`,
        value: sinceSome,
        atMost: 1.1,
      });
    }
  }
}

console.log(`native CPython is Debian's ${version}\n`);
console.log(
  `requests over ${CONNECTIONS} kept connections by ${load.name}, ${values.rounds} rounds of ${values.seconds} s in turns, paired medians; then memory\n`,
);
printTable(
  ['', 'native, per second', 'guest : native', 'RSS, engine : native', 'PSS, engine : native'],
  rows,
  FORM,
);
console.log(`\nfrom the command to the first 200, ${values.starts} rounds in turns\n`);
printTable(['', 'native', 'guest : native', 'very first start : native'], startRows, FORM);
printPromises(promises);
