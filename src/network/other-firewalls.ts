/**
 * Finds firewalls of others that refuse what wasmrun lets in: an `accept` of ours cannot override a `drop` of
 * theirs. Forwards on loopback addresses are never concerned. Their rules are read, never changed.
 */
import { CommandError, runCommand } from '../os/command.ts';
import type { Protocol } from '../os/socket.ts';
import {
  type BaseChain,
  type Hook,
  type IptablesCommand,
  readIptablesBaseChains,
  readNftBaseChains,
} from './base-chains.ts';
import { formatPort } from './forward.ts';
import { vethStem } from './names.ts';

/** Listings of all rules of this machine. */
export interface Rulesets {
  /** What `nft -j list ruleset` prints; absent where it is not installed. */
  readonly nft?: string | undefined;
  /** What iptables-save prints, in each of its kinds that is installed. */
  readonly iptables: Readonly<Partial<Record<IptablesCommand, string>>>;
}

export interface Obstacle {
  /** For people: `ufw`, `the nftables table inet filter`. */
  readonly firewall: string;
  /** Connections to host ports, or traffic that is routed to and from sandboxes. */
  readonly blocks: Hook;
  /** What is the matter, as a sentence. */
  readonly sentence: string;
  /** The command that allows it. */
  readonly fix: string;
}

/** A host port that others should reach. */
export interface ExposedPort {
  readonly protocol: Protocol;
  /** 1–65535 */
  readonly hostPort: number;
}

export interface ObstacleQuery {
  readonly ports: readonly ExposedPort[];
  /** Prefix of the sandboxes' interfaces. */
  readonly prefix: string;
}

/** How a firewall is recognised, and told to let something through. */
interface Maker {
  readonly name: string;
  isMakerOf(chain: BaseChain): boolean;
  /** @param chain - the one in the way */
  open(ports: readonly ExposedPort[], chain: BaseChain): string;
  route(interfaces: string, chain: BaseChain): string;
}

const MAKERS: readonly Maker[] = [
  {
    name: 'firewalld',
    // Its tables are called so in nftables; in iptables it puts its zones below the kernel's chains.
    isMakerOf: ({ table, siblings }) => table.endsWith(' firewalld') || siblings.has('INPUT_ZONES'),
    open: (ports) =>
      `firewall-cmd ${ports.map(({ hostPort, protocol }) => `--add-port=${hostPort}/${protocol}`).join(' ')}`,
    route: (interfaces) => `firewall-cmd --zone=trusted --add-interface=${interfaces}`,
  },
  {
    name: 'Docker',
    // It closes the way through the host only.
    isMakerOf: ({ hook, siblings }) => hook === 'forward' && siblings.has('DOCKER-USER'),
    open: (ports, chain) => iptablesAccept(chain, ports),
    route: (interfaces, { command }) =>
      iptablesRoute(command === 'nft' ? 'iptables' : command, 'DOCKER-USER', interfaces),
  },
  {
    name: 'ufw',
    isMakerOf: ({ siblings }) => siblings.has('ufw-before-input'),
    open: (ports) =>
      forEachProtocol(ports, (protocol, list) => `ufw allow ${list.join(',')}/${protocol}`).join(' && '),
    route: (interfaces) => `ufw route allow in on ${interfaces}`,
  },
];

/** For rules, which name one protocol each. */
const forEachProtocol = (
  ports: readonly ExposedPort[],
  write: (protocol: Protocol, ports: readonly number[]) => string,
): string[] =>
  [...Map.groupBy(ports, ({ protocol }) => protocol)].map(([protocol, those]) =>
    write(
      protocol,
      those.map(({ hostPort }) => hostPort),
    ),
  );

/** A firewall that somebody wrote by hand. */
const makerOf = (chain: BaseChain): Maker =>
  MAKERS.find((maker) => maker.isMakerOf(chain)) ??
  (chain.command === 'nft' ? byNft(chain) : byIptables(chain));

const byNft = ({ table, name }: BaseChain): Maker => ({
  name: `the nftables table ${table}`,
  isMakerOf: () => true,
  open: (ports) =>
    nftInsertions(
      { table, name },
      forEachProtocol(ports, (protocol, list) => `${protocol} dport { ${list.join(', ')} }`),
    ),
  route: (interfaces) => {
    const veths = `"${interfaces.replace('+', '*')}"`;
    return nftInsertions({ table, name }, [
      `iifname ${veths}`,
      `oifname ${veths} ct state established,related`,
    ]);
  },
});

const nftInsertions = (
  { table, name }: Pick<BaseChain, 'table' | 'name'>,
  matches: readonly string[],
): string => `nft '${matches.map((match) => `insert rule ${table} ${name} ${match} accept`).join('; ')}'`;

const byIptables = ({ command, name }: BaseChain): Maker => ({
  name: command,
  isMakerOf: () => true,
  open: (ports, chain) => iptablesAccept(chain, ports),
  route: (interfaces) => iptablesRoute(command, name, interfaces),
});

const iptablesAccept = ({ command, name }: BaseChain, ports: readonly ExposedPort[]): string =>
  forEachProtocol(
    ports,
    (protocol, list) =>
      `${command} -I ${name} -p ${protocol} -m multiport --dports ${list.join(',')} -j ACCEPT`,
  ).join(' && ');

/** Both directions: not every firewall lets answers through by itself. */
const iptablesRoute = (command: string, chain: string, interfaces: string): string =>
  [`-i ${interfaces}`, `-o ${interfaces} -m conntrack --ctstate ESTABLISHED,RELATED`]
    .map((match) => `${command} -I ${chain} ${match} -j ACCEPT`)
    .join(' && ');

/** As the kind of iptables over nftables calls itself. */
const OVER_NFTABLES = '(nf_tables)';

/** Lists all rules; without root, or without the tools, there is nothing to be seen. */
export const readRulesets = async (): Promise<Rulesets> => {
  const [nft, preferred, legacy] = await Promise.all([
    listing('nft', '-j', 'list', 'ruleset'),
    listing('iptables-save'),
    listing('iptables-legacy-save'),
  ]);
  // Where the preferred kind is the legacy one, its rules are told once.
  const isTold = preferred !== undefined && preferred !== '' && !preferred.includes(OVER_NFTABLES);
  return {
    nft,
    iptables: {
      ...(preferred !== undefined && { iptables: preferred }),
      ...(legacy !== undefined && !isTold && { 'iptables-legacy': legacy }),
    },
  };
};

const listing = async (file: string, ...args: string[]): Promise<string | undefined> => {
  try {
    return await runCommand(file, args);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
};

/** What is in the way of these ports and of routed traffic, each firewall once. */
export const findObstacles = (rulesets: Rulesets, { ports, prefix }: ObstacleQuery): Obstacle[] => {
  const found = new Map<string, Obstacle>();
  for (const chain of baseChains(rulesets)) {
    if (!chain.isClosed) continue;
    const closed = ports.filter(
      ({ protocol, hostPort }) =>
        !chain.acceptedPorts.some(
          (range) => range.protocol === protocol && range.first <= hostPort && hostPort <= range.last,
        ),
    );
    if (chain.hook === 'input' && closed.length === 0) continue;
    const maker = makerOf(chain);
    const key = `${maker.name} ${chain.hook}`;
    if (!found.has(key)) found.set(key, describe(maker, chain, { ports: closed, prefix }));
  }
  return [...found.values()];
};

const baseChains = ({ nft, iptables }: Rulesets): BaseChain[] => {
  const saved = (['iptables', 'iptables-legacy'] as const).flatMap((command) =>
    readIptablesBaseChains(command, iptables[command] ?? ''),
  );
  const listed = nft === undefined ? [] : readNftBaseChains(nft);
  // Tables of iptables over nftables appear in both; iptables-save knows what nft cannot spell out.
  const isSaved = ({ table, name }: BaseChain): boolean =>
    saved.some((other) => `ip ${other.table}` === table && other.name === name);
  return [...saved, ...listed.filter((chain) => !isSaved(chain))];
};

const describe = (maker: Maker, chain: BaseChain, { ports, prefix }: ObstacleQuery): Obstacle => {
  const [noun, them] = ports.length === 1 ? ['host port', 'it'] : ['host ports', 'them'];
  const list = ports.map(({ hostPort, protocol }) => formatPort(hostPort, protocol)).join(', ');
  const blocks = chain.hook;
  const sentence =
    blocks === 'input'
      ? `${maker.name} lets no other machine reach ${noun} ${list}; to open ${them}:`
      : `${maker.name} drops what is routed to and from sandboxes; to let it through:`;
  const fix = blocks === 'input' ? maker.open(ports, chain) : maker.route(`${vethStem(prefix)}+`, chain);
  return { firewall: maker.name, blocks, sentence: `${sentence} ${fix}`, fix };
};
