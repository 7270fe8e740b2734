/**
 * What a new TCP connection costs on each way into a sandbox: connect, one byte there and back, close. The
 * ways take turns; a ratio is the median of the ratios of visits that followed each other, so that a machine
 * busy with something else disturbs both sides of it alike. Needs root and a C compiler (`cc`); client and
 * server are native (bench/native), so that the way is what is measured. Every way has a host of its own, see
 * bench-host.ts.
 *
 *   npm run bench -- connect [--rounds 60] [--connections 100] [--markdown]
 */
import { parseArgs } from 'node:util';
import { buildTools, measure, newPrefix, startContestants } from './bench-host.ts';
import type { Contestant } from './bench-host.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';
import type { Promised } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '100' },
    markdown: { type: 'boolean', default: false },
  },
});
/** Clients at a time in the second table. */
const THREADS = 4;
const MANY = 1000;

const CONTESTANTS: readonly Contestant[] = [
  { name: 'plain loopback', way: 'loopback', forwards: 0 },
  { name: 'handoff, no firewall', way: 'handoff without firewall', forwards: 1 },
  // The firewall costs every connection of the host something, whoever makes it: the kernel tracks them.
  { name: 'loopback beside nftables', way: 'loopback beside firewall', forwards: 0 },
  { name: 'handoff, nftables firewall', way: 'handoff', forwards: 1 },
  { name: 'bare veth', way: 'veth', forwards: 0 },
  { name: 'nftables, 1 forward', way: 'nftables', forwards: 1 },
  { name: `nftables, ${MANY} forwards`, way: 'nftables', forwards: MANY },
  { name: 'iptables, 1 forward', way: 'iptables', forwards: 1 },
  { name: `iptables, ${MANY} forwards`, way: 'iptables', forwards: MANY },
];
/** What the columns compare with. */
const PEERS = ['plain loopback', 'loopback beside nftables', 'bare veth', 'nftables, 1 forward'] as const;

/** Figures of the ways in the order of the contestants. */
type Figures = readonly (readonly number[])[];

const of = (figures: Figures, name: string): readonly number[] =>
  figures[CONTESTANTS.findIndex((contestant) => contestant.name === name)]!;

const print = (title: string, figures: Figures): void => {
  console.log(`\n${title}\n`);
  printTable(
    ['way', 'µs', ...PEERS.map((peer) => `: ${peer}`)],
    CONTESTANTS.map(({ name }) => [
      name,
      (median(of(figures, name)) / 1000).toFixed(0),
      ...PEERS.map((peer) => ratio(pairedRatio(of(figures, name), of(figures, peer)))),
    ]),
    values.markdown ? 'markdown' : 'terminal',
  );
};

await using stack = new AsyncDisposableStack();
const tools = stack.use(buildTools());
const prefix = newPrefix();
const targets = await startContestants(CONTESTANTS, stack, { prefix, server: tools.server });
const rounds = Number(values.rounds);
const connections = Number(values.connections);
console.log(`A new connection, ${rounds} rounds in turns, medians of paired ratios`);
const alone = measure(tools.client, { mode: 'connect', rounds, amount: connections }, targets);
print(`one client, ${connections} connections each round`, alone);
print(
  `${THREADS} clients, ${connections} connections each round`,
  measure(
    tools.client,
    { mode: 'connect', rounds, amount: connections / THREADS, threads: THREADS },
    targets,
  ),
);
const promised = (ours: string, theirs: string, atMost: number): Promised => ({
  what: `${ours} : ${theirs}`,
  value: pairedRatio(of(alone, ours), of(alone, theirs)),
  atMost,
});
printPromises([
  promised('nftables, 1 forward', 'bare veth', 1.35),
  promised(`nftables, ${MANY} forwards`, 'nftables, 1 forward', 1.05),
  promised('handoff, no firewall', 'plain loopback', 1.15),
  promised('handoff, nftables firewall', 'loopback beside nftables', 1.15),
]);
