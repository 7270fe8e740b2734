/**
 * A sandbox's network made and taken away, namespace, veth pair, addresses, firewall and a forward, by the
 * functions of src/network against the same by `ip`, `sysctl` and `nft`, one command after another in a shell
 * script. The script leaves out what would only slow it down further: IPv6 is left on, ports below 1024 are
 * left to root. Both take turns on a host of their own, see bench-host.ts. "first" is the first sandbox of a
 * process, as the command line makes it; "later" one is made by a process that has done so before. A hundred
 * are made one after another and taken away at once, as when a hundred commands are told to stop. Needs root,
 * bash, iproute2 and nftables.
 *
 *   npm run bench -- setup [--rounds 11] [--many 100] [--markdown]
 */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createNftablesBackend } from '../src/network/firewalls/nftables.ts';
import { namespaceName, vethName } from '../src/network/names.ts';
import type { Namespace } from '../src/network/namespace.ts';
import { NftError } from '../src/os/nft.ts';
import { createBenchHost, newPrefix, temporaryDirectory } from './bench-host.ts';
import type { SetupOrder, SetupTimes } from './network-setup.ts';
import { plannedNetwork, SETTLE_MS } from './planned-network.ts';
import { median, pairedRatio, printPromises, printTable, ratio } from './table.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    many: { type: 'string', default: '100' },
    markdown: { type: 'boolean', default: false },
  },
});
const prefix = newPrefix();
const many = Number(values.many);

/** The rules as a script for `nft`, by listening to what the backend says where there are none. */
const rulesScript = async (): Promise<string> => {
  let script = '';
  const listen = async (said: string): Promise<string> => {
    if (said.startsWith('list')) throw new NftError('No such file or directory');
    script = said;
    return '';
  };
  await createNftablesBackend({ nft: listen }).raise(prefix);
  return script;
};

interface Names {
  readonly namespace: string;
  readonly veth: string;
  readonly member: string;
  readonly port: string;
  readonly destination: string;
}

const namesOf = (index: number): Names & ReturnType<typeof plannedNetwork> => {
  const network = plannedNetwork(index);
  const veth = vethName(prefix, index);
  return {
    ...network,
    namespace: namespaceName(prefix, `s${index}`),
    veth,
    member: `'{ "${veth}" . ${network.sandboxAddress} }'`,
    port: `127.0.0.1 . tcp . ${network.forward.hostPort}`,
    destination: `${network.sandboxAddress} . ${network.forward.processPort}`,
  };
};

const setUpCommands = (index: number): string[] => {
  const { namespace, veth, hostAddress, sandboxAddress, member, port, destination } = namesOf(index);
  return [
    `ip netns add ${namespace}`,
    `ip link add ${veth} type veth peer name eth0 netns ${namespace}`,
    `ip address add ${hostAddress}/31 dev ${veth}`,
    `ip link set ${veth} up`,
    `ip -n ${namespace} link set lo up`,
    `ip -n ${namespace} address add ${sandboxAddress}/31 dev eth0`,
    `ip -n ${namespace} link set eth0 up`,
    `nft add element inet ${prefix} sandboxes ${member}`,
    `sysctl -qw net.ipv4.conf.${veth}.route_localnet=1`,
    `nft add element inet ${prefix} forwards '{ ${port} : ${destination} }'`,
  ];
};

const tearDownCommands = (index: number): string[] => {
  const { namespace, veth, member, port } = namesOf(index);
  return [
    `nft delete element inet ${prefix} forwards '{ ${port} }'`,
    `nft delete element inet ${prefix} sandboxes ${member}`,
    `ip link delete ${veth}`,
    `ip netns delete ${namespace}`,
  ];
};

/** Bash keeps the time itself, so that starting it does not count. */
const script = (sandboxes: number, rules: string): string => {
  const indexes = Array.from({ length: sandboxes }, (_, index) => index);
  return [
    'set -e',
    'echo $EPOCHREALTIME',
    `nft -f ${rules}`,
    ...indexes.flatMap(setUpCommands),
    'echo $EPOCHREALTIME',
    ...indexes.flatMap(tearDownCommands),
    `nft delete table inet ${prefix}`,
    'echo $EPOCHREALTIME',
  ].join('\n');
};

/** Output of a program that runs to its end on the host, which is left alone for a while afterwards. */
const runOn = async (host: Namespace, file: string, args: readonly string[]): Promise<string> => {
  const child = host.run(() => spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (status !== 0) throw new Error(`${file} ended with ${String(status)}`);
  await sleep(SETTLE_MS);
  return output;
};

const byCommands = async (host: Namespace, sandboxes: number, rules: string): Promise<SetupTimes> => {
  const output = await runOn(host, 'bash', ['-c', script(sandboxes, rules)]);
  const [start = 0, standing = 0, end = 0] = output.split('\n').map((time) => Number(time) * 1000);
  return { setUp: standing - start, tearDown: end - standing };
};

const bySource = async (host: Namespace, order: Omit<SetupOrder, 'prefix'>): Promise<SetupTimes[]> => {
  const program = fileURLToPath(new URL('network-setup.ts', import.meta.url));
  const output = await runOn(host, process.execPath, [program, JSON.stringify({ prefix, ...order })]);
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SetupTimes);
};

/** Per sandbox, one for each round: those of the same round were measured side by side. */
type Costs = SetupTimes[];

const each = ({ setUp, tearDown }: SetupTimes, sandboxes: number): SetupTimes => ({
  setUp: setUp / sandboxes,
  tearDown: tearDown / sandboxes,
});
const sum = ({ setUp, tearDown }: SetupTimes): number => setUp + tearDown;
const compare = (ours: Costs, theirs: Costs): number => pairedRatio(ours.map(sum), theirs.map(sum));

await using stack = new AsyncDisposableStack();
const directory = stack.use(temporaryDirectory());
const rules = join(directory.path, 'rules.nft');
writeFileSync(rules, await rulesScript());
const host = stack.use(createBenchHost(prefix, 0));

const commands: Costs = [];
const first: Costs = [];
const later: Costs = [];
const together: Costs = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  commands.push(await byCommands(host, 1, rules));
  const [cold, warm] = await bySource(host, { sandboxes: 1, repetitions: 2 });
  first.push(cold!);
  later.push(warm!);
  const [all] = await bySource(host, { sandboxes: many, repetitions: 1 });
  together.push(each(all!, many));
}
// It takes as long as all the rest.
const commandsTogether: Costs = [each(await byCommands(host, many, rules), many)];

const contestants: readonly (readonly [name: string, costs: Costs])[] = [
  ['commands, 1', commands],
  [`commands, ${many}`, commandsTogether],
  ['wasmrun, 1, first', first],
  ['wasmrun, 1, later', later],
  [`wasmrun, ${many}`, together],
];
console.log(
  `A sandbox's network set up and taken down, ${values.rounds} rounds in turns, ms per sandbox, ratios of both\n`,
);
printTable(
  ['', 'set-up', 'teardown', ': commands, 1', ': wasmrun, 1, later'],
  contestants.map(([name, costs]) => [
    name,
    median(costs.map(({ setUp }) => setUp)).toFixed(1),
    median(costs.map(({ tearDown }) => tearDown)).toFixed(1),
    ratio(compare(costs, commands)),
    ratio(compare(costs, later)),
  ]),
  values.markdown ? 'markdown' : 'terminal',
);
printPromises([
  { what: 'wasmrun, 1, first : commands, 1', value: compare(first, commands), atMost: 1 / 3 },
  { what: `wasmrun, ${many} : commands, 1`, value: compare(together, commands), atMost: 1 / 3 },
  { what: `wasmrun, ${many} : wasmrun, 1, later`, value: compare(together, later), atMost: 1 },
]);
