/**
 * Bytes per second of one connection on each way into a sandbox, against the ports that podman and docker
 * publish (`-p`). The ways take turns; a ratio is the median of the ratios of visits that followed each other.
 * Needs root and a C compiler (`cc`); client and server are native (bench/native) and the same for all, in a
 * container as in a sandbox. Podman and dockerd are started here, each on a host of its own, see
 * container-engines.ts: `apt-get install podman runc docker.io`.
 *
 *   npm run bench -- throughput [--sessions 8] [--rounds 3] [--milliseconds 250] [--markdown]
 */
import { parseArgs } from 'node:util';
import { buildTools, measure, newPrefix, startContestants } from './bench-host.ts';
import type { Contestant } from './bench-host.ts';
import { CONTAINER_ENGINES } from './container-engines.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    milliseconds: { type: 'string', default: '250' },
    markdown: { type: 'boolean', default: false },
  },
});

const CONTESTANTS: readonly Contestant[] = [
  { name: 'plain loopback', way: 'loopback', forwards: 0 },
  { name: 'nftables', way: 'nftables', forwards: 1 },
  { name: 'iptables', way: 'iptables', forwards: 1 },
  { name: 'handoff', way: 'handoff', forwards: 1 },
];

const MODES = ['download', 'upload'] as const;
const rounds = Number(values.rounds);
const sessions = Number(values.sessions);

interface Session {
  readonly names: readonly string[];
  /** Bytes per second by mode, then by way. */
  readonly figures: Readonly<Record<(typeof MODES)[number], readonly (readonly number[])[]>>;
}

/** Every server anew: where its memory lies decides about more than the way to it does. */
const runSession = async (isFirst: boolean): Promise<Session> => {
  await using stack = new AsyncDisposableStack();
  const tools = stack.use(buildTools());
  const prefix = newPrefix();
  const targets = await startContestants(CONTESTANTS, stack, { prefix, server: tools.server });
  for (const [index, start] of CONTAINER_ENGINES.entries()) {
    const options = { prefix, index: CONTESTANTS.length + index, server: tools.server };
    try {
      targets.push(stack.use(await start(options)));
    } catch (error) {
      if (isFirst) console.log(`not measured: ${(error as Error).message}`);
    }
  }
  const amount = Number(values.milliseconds);
  const [download, upload] = MODES.map((mode) =>
    measure(tools.client, { mode, rounds, amount }, targets),
  ) as [number[][], number[][]];
  return { names: targets.map(({ name }) => name), figures: { download, upload } };
};

const all: Session[] = [];
for (let session = 0; session < sessions; session += 1) all.push(await runSession(session === 0));
const names = all[0]!.names;
const peers = names.slice(CONTESTANTS.length);
const promises: Promised[] = [];
console.log(`Bytes per second, ${sessions} times ${rounds} rounds of ${values.milliseconds} ms in turns`);
for (const mode of MODES) {
  const figures = names.map((_, index) => all.flatMap((session) => session.figures[mode][index]!));
  console.log(`\n${mode === 'download' ? 'from' : 'to'} the sandbox\n`);
  printTable(
    ['way', 'GB/s', ': plain loopback', ...peers.map((name) => `: ${name}`)],
    names.map((name, index) => [
      name,
      (median(figures[index]!) / 1e9).toFixed(2),
      ratio(pairedRatio(figures[index]!, figures[0]!)),
      ...peers.map((peer) => ratio(pairedRatio(figures[index]!, figures[names.indexOf(peer)]!))),
    ]),
    values.markdown ? 'markdown' : 'terminal',
  );
  // All but the plain loopback.
  for (const [index, { name }] of [...CONTESTANTS.entries()].slice(1)) {
    for (const peer of peers) {
      const value = pairedRatio(figures[index]!, figures[names.indexOf(peer)]!);
      promises.push({ what: `${mode}, ${name} : ${peer}`, value, atLeast: 1 });
    }
  }
}
printPromises(promises);
