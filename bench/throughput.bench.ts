/**
 * Bytes per second of one connection on each way into a sandbox, against the ports that podman and docker
 * publish (`-p`). The ways take turns; a ratio is the median of the ratios of visits that followed each other.
 * Needs root and a C compiler (`cc`); client and server are native (bench/native) and the same for all, in a
 * container as in a sandbox. Podman and dockerd are started here, each on a host of its own, see
 * container-engines.ts: `apt-get install podman runc docker.io`.
 *
 *   npm run bench -- throughput [--rounds 12] [--milliseconds 250] [--markdown]
 */
import { parseArgs } from 'node:util';
import { buildTools, measure, newPrefix, startContestant } from './bench-host.ts';
import type { Contestant, Target } from './bench-host.ts';
import { CONTAINER_ENGINES } from './container-engines.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
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

await using stack = new AsyncDisposableStack();
const tools = stack.use(buildTools());
const prefix = newPrefix();
const targets: Target[] = [];
for (const [index, contestant] of CONTESTANTS.entries()) {
  targets.push(stack.use(await startContestant(contestant, index, { prefix, server: tools.server })));
}
for (const [index, start] of CONTAINER_ENGINES.entries()) {
  const options = { prefix, index: CONTESTANTS.length + index, server: tools.server };
  try {
    targets.push(stack.use(await start(options)));
  } catch (error) {
    console.log(`not measured: ${(error as Error).message}`);
  }
}
const peers = targets.slice(CONTESTANTS.length);
const rounds = Number(values.rounds);
const promises: Promised[] = [];
console.log(`Bytes per second, ${rounds} rounds of ${values.milliseconds} ms in turns`);
for (const mode of ['download', 'upload'] as const) {
  const figures = measure(tools.client, { mode, rounds, amount: Number(values.milliseconds) }, targets);
  console.log(`\n${mode === 'download' ? 'from' : 'to'} the sandbox\n`);
  printTable(
    ['way', 'GB/s', ': plain loopback', ...peers.map(({ name }) => `: ${name}`)],
    targets.map(({ name }, index) => [
      name,
      (median(figures[index]!) / 1e9).toFixed(2),
      ratio(pairedRatio(figures[index]!, figures[0]!)),
      ...peers.map((peer) => ratio(pairedRatio(figures[index]!, figures[targets.indexOf(peer)]!))),
    ]),
    values.markdown ? 'markdown' : 'terminal',
  );
  // All but the plain loopback.
  for (const [index, { name }] of [...CONTESTANTS.entries()].slice(1)) {
    for (const peer of peers) {
      const value = pairedRatio(figures[index]!, figures[targets.indexOf(peer)]!);
      promises.push({ what: `${mode}, ${name} : ${peer.name}`, value, atLeast: 1 });
    }
  }
}
printPromises(promises);
