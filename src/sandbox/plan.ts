/**
 * What a start would do, found out without doing any of it: no namespace, no file, no port, no rule. The
 * texts come from the same functions that load them, the names and addresses from those that choose them.
 */
import type { DirectoryMount } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import { chooseLink } from '../network/address-pool.ts';
import type { OutboundMode } from '../network/egress.ts';
import type { FirewallBackend, FirewallName } from '../network/firewall.ts';
import { examineHostPort } from '../network/host-listener.ts';
import { namespaceName, vethName, type IsolationName } from '../network/names.ts';
import { LINK_PREFIX_LENGTH, SANDBOX_INTERFACE, type Link } from '../network/namespace.ts';
import { Probes, type Refusal } from '../network/refusal.ts';
import { selectFirewall, selectTransport } from '../network/select.ts';
import {
  type Carrier,
  carrierOf,
  type HeldForward,
  type Transport,
  type TransportName,
} from '../network/transport.ts';
import type { AppUser } from '../os/app-user.ts';
import type { RequestedForward, SandboxDefinition } from './definition.ts';
import { engineCommand } from './engine-binary.ts';
import { planSteps, type PlannedStep } from './plan-steps.ts';
import { OPTIONAL_ADDRESSES } from './held-ports.ts';
import { selectIsolation } from './isolation.ts';
import type { Isolation } from './isolation.ts';
import type { SandboxRecord } from './record.ts';
import { chooseName } from './start.ts';
import { State } from './state.ts';

/** What the plan is made for, and with. */
export interface PlanSurroundings {
  /** This system. */
  readonly present: NodeJS.Platform;
  readonly isolations: readonly Isolation[];
  readonly firewalls: readonly FirewallBackend[];
  /** Transports of this system, in order of preference. */
  readonly transports: readonly Transport[];
  /** The transport that was asked for by name, and the platform it is for; absent for `auto`. */
  readonly wanted?: { readonly transport: Transport; readonly platform: NodeJS.Platform } | undefined;
}

export interface PlannedInterface {
  readonly name: string;
  /** With the length of its prefix: `10.231.0.0/31`. */
  readonly address: string;
  readonly place: 'host' | 'namespace';
}

export interface PlannedForward {
  readonly hostPort: number | 'any free port';
  readonly processPort: number;
  readonly protocol: HeldForward['protocol'];
  /** Host addresses, and what carries connections to each. */
  readonly addresses: readonly { readonly address: string; readonly transport: Carrier }[];
}

/** Something that would stop it at this moment. */
export interface Obstacle {
  /** As the error's `code`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface PlannedOutbound {
  readonly mode: OutboundMode;
  /** Rules as they were written. */
  readonly allow: readonly string[];
}

export interface PlannedEngine {
  /** File and arguments. */
  readonly command: readonly string[];
  /** Absolute path of the WebAssembly module. */
  readonly module: string;
  /** Absolute path of what runs the module inside the engine; absent for a WASI command. */
  readonly driver?: string;
  /** `argv` of the guest. */
  readonly args: readonly string[];
  /** Names of the guest's variables; their values may be secrets. */
  readonly env: readonly string[];
  /** Whom it becomes; absent: it stays who calls. */
  readonly user?: AppUser;
  readonly directories: readonly DirectoryMount[];
  /** Guest paths of in-memory directories. */
  readonly tmpfs: readonly string[];
}

export interface SandboxPlan {
  readonly name: string;
  readonly platform: NodeJS.Platform;
  readonly isolation: IsolationName;
  /** Network namespace as `ip netns` lists it. */
  readonly namespace?: string;
  /** Both ends of the veth pair; none without a namespace. */
  readonly interfaces: readonly PlannedInterface[];
  /** Absent: none works here, and the app cannot open connections. */
  readonly firewall?: FirewallName;
  readonly transport: TransportName;
  /** What was preferred and refused. */
  readonly refusals: readonly Refusal[];
  readonly forwards: readonly PlannedForward[];
  readonly outbound: PlannedOutbound;
  /** Other sandboxes it may reach, as they were written. */
  readonly peers: readonly string[];
  readonly engine: PlannedEngine;
  /** In the order they are done. */
  readonly steps: readonly PlannedStep[];
  readonly obstacles: readonly Obstacle[];
  /** What only the moment of the start decides, as sentences. */
  readonly undecided: readonly string[];
}

/** Everything that had to be chosen. */
export interface Choice {
  readonly platform: NodeJS.Platform;
  readonly isolation: SandboxPlan['isolation'];
  readonly record: Pick<SandboxRecord, 'name' | 'enclosure'>;
  readonly forwards: readonly HeldForward[];
  readonly transport: Transport;
  readonly firewall: FirewallBackend | undefined;
  /** Can what stands on this system be read? Else the text is that for a system where nothing stands. */
  readonly canLook: boolean;
}

/**
 * @throws {WasmrunError} what a start would throw because of what was asked for, such as NAME_IN_USE;
 *   what stands in the way at this moment (a busy port, no root) is in `obstacles` instead
 */
export const planSandbox = async (
  definition: SandboxDefinition,
  surroundings: PlanSurroundings,
): Promise<SandboxPlan> => {
  const { present } = surroundings;
  const platform = surroundings.wanted?.platform ?? present;
  const isolation = chooseIsolation(definition, surroundings, platform);
  const living = present === 'linux' ? new State(definition.prefix).peek() : undefined;
  const forwards = definition.forwards.map((forward) => asHeld(forward, surroundings.wanted?.transport));
  const { transport, firewall, refusals, obstacles } = await choose(
    definition,
    isolation.hasLink ? surroundings : { ...surroundings, firewalls: [] },
    living ?? [],
  );
  const record =
    present === platform
      ? chooseRecord(definition, isolation, living ?? [])
      : assumeRecord(definition, isolation);
  const canLook = firewall !== undefined && obstacles.length === 0 && platform === present;
  const choice: Choice = {
    platform,
    isolation: isolation.name,
    record,
    forwards,
    transport,
    firewall,
    canLook,
  };
  return {
    name: record.name,
    platform,
    isolation: isolation.name,
    ...(record.enclosure.isolation === 'namespace' && { namespace: record.enclosure.namespace }),
    interfaces: record.enclosure.isolation === 'namespace' ? planInterfaces(record.enclosure.link) : [],
    ...(firewall !== undefined && { firewall: firewall.name }),
    transport: transport.name,
    refusals,
    forwards: forwards.map((forward) => planForward(forward, transport)),
    outbound: {
      mode: definition.outbound.mode,
      allow: definition.outbound.rules.map(({ text }) => text),
    },
    peers: definition.peers.map(({ text }) => text),
    engine: planEngine(definition),
    steps: await planSteps(definition, choice),
    obstacles: [
      ...missingRights(isolation, platform, present),
      ...busyPorts(definition.forwards),
      ...obstacles,
    ],
    undecided: undecided(choice, living !== undefined),
  };
};

/** Until a port is held, 0 stands for the one the kernel will give. */
const asHeld = (
  { protocol, addresses, hostPort, processPort }: RequestedForward,
  transport: Transport | undefined,
): HeldForward => ({
  addresses,
  hostPort,
  processPort,
  protocol,
  ...(transport?.needsLandingPort === true && protocol === 'tcp' && { landingPort: 0 }),
});

/** A plan for another platform is for its own isolation; the kernel's redirections need a link. */
const chooseIsolation = (
  { isolation: wish }: SandboxDefinition,
  { isolations, present, wanted }: PlanSurroundings,
  platform: NodeJS.Platform,
): Isolation => {
  if (platform !== 'linux') return selectIsolation(isolations, 'virtual');
  const needsLink = wanted?.transport.firewall !== undefined;
  if (wish === 'auto' && (needsLink || present !== 'linux')) return selectIsolation(isolations, 'namespace');
  return selectIsolation(isolations, wish);
};

const chooseRecord = (
  definition: SandboxDefinition,
  isolation: Isolation,
  living: readonly SandboxRecord[],
): Choice['record'] => {
  const name = chooseName(definition, living);
  return { name, enclosure: isolation.plan({ ...definition, name, living }).record };
};

/** As far as possible without the records and routes of this system. */
const assumeRecord = (
  { prefix, name, addressPools }: SandboxDefinition,
  isolation: Isolation,
): Choice['record'] => {
  if (isolation.name !== 'namespace') return { name, enclosure: { isolation: isolation.name } };
  const { slot, ...addresses } = chooseLink({ pools: addressPools, taken: new Set(), routes: [] });
  const link = { veth: vethName(prefix, slot), ...addresses };
  return { name, enclosure: { isolation: 'namespace', namespace: namespaceName(prefix, name), slot, link } };
};

interface Chosen {
  readonly transport: Transport;
  readonly firewall: FirewallBackend | undefined;
  readonly refusals: readonly Refusal[];
  readonly obstacles: readonly Obstacle[];
}

/** As a start chooses, but for a wanted transport that does not work: its plan is shown all the same. */
const choose = async (
  { transport: wish }: SandboxDefinition,
  { present, firewalls, transports, wanted }: PlanSurroundings,
  living: readonly SandboxRecord[],
): Promise<Chosen> => {
  const probes = new Probes();
  const standing = living.find(({ firewall }) => firewall !== undefined)?.firewall;
  const needed = wanted?.transport.firewall;
  if (wanted !== undefined && (needed !== undefined || wanted.platform !== present)) {
    const { transport } = wanted;
    const firewall = firewalls.find(({ name }) => name === needed);
    const select = (): Promise<unknown> =>
      selectTransport(transports, { wanted: transport.name, standing, probes });
    return { transport, firewall, refusals: [], obstacles: await obstacleOf(select) };
  }
  const candidates = present === 'linux' ? firewalls : [];
  const selected = await selectFirewall(candidates, { wanted: standing, probes });
  const behind = selected.backend?.name;
  const select = () => selectTransport(transports, { wanted: wish, standing: behind, probes });
  if (wanted !== undefined) {
    const obstacles = await obstacleOf(select);
    return {
      transport: wanted.transport,
      firewall: selected.backend,
      refusals: selected.refusals,
      obstacles,
    };
  }
  const { transport, refusals } = await select();
  return { transport, firewall: selected.backend, refusals, obstacles: [] };
};

const obstacleOf = async (action: () => Promise<unknown>): Promise<Obstacle[]> => {
  try {
    await action();
    return [];
  } catch (error) {
    if (!(error instanceof WasmrunError)) throw error;
    return [toObstacle(error)];
  }
};

const toObstacle = ({ code, message, hint }: WasmrunError): Obstacle => ({
  code,
  message,
  ...(hint !== undefined && { hint }),
});

const missingRights = (
  isolation: Isolation,
  platform: NodeJS.Platform,
  present: NodeJS.Platform,
): Obstacle[] => {
  if (present !== 'linux' || platform !== 'linux') {
    const message = `wasmrun starts sandboxes on Linux only, this is a plan for ${platform}`;
    return [{ code: 'UNSUPPORTED_PLATFORM', message }];
  }
  if (isolation.name !== 'namespace' || process.getuid?.() === 0) return [];
  const message = 'a network namespace and its interfaces need root';
  return [{ code: 'PERMISSION_DENIED', message, hint: 'run wasmrun with sudo' }];
};

const busyPorts = (forwards: readonly RequestedForward[]): Obstacle[] =>
  forwards.flatMap(({ protocol, addresses, hostPort, processPort }) => {
    const request = { protocol, addresses, port: hostPort, processPort, skipUnavailable: OPTIONAL_ADDRESSES };
    const problem = examineHostPort(request);
    return problem === undefined ? [] : [toObstacle(problem)];
  });

const planInterfaces = ({ veth, hostAddress, sandboxAddress }: Link): PlannedInterface[] => [
  { name: veth, address: `${hostAddress}/${LINK_PREFIX_LENGTH}`, place: 'host' },
  { name: SANDBOX_INTERFACE, address: `${sandboxAddress}/${LINK_PREFIX_LENGTH}`, place: 'namespace' },
];

const planForward = (
  { addresses, hostPort, processPort, protocol }: HeldForward,
  transport: Transport,
): PlannedForward => ({
  hostPort: hostPort === 0 ? 'any free port' : hostPort,
  processPort,
  protocol,
  addresses: addresses.map((address) => ({
    address,
    transport: carrierOf({ addresses: [address], protocol }, transport),
  })),
});

const planEngine = (definition: SandboxDefinition): PlannedEngine => {
  const { module, driver, args, env, user, directories, tmpfs } = definition;
  const { file, args: flags } = engineCommand();
  return {
    command: [file, ...flags],
    module,
    ...(driver !== undefined && { driver: driver.path }),
    args,
    env: Object.keys(env),
    ...(user !== undefined && { user }),
    directories,
    tmpfs,
  };
};

const undecided = ({ isolation, forwards, firewall, canLook }: Choice, hasSeenOthers: boolean): string[] => [
  ...(forwards.some(({ hostPort, landingPort }) => hostPort === 0 || landingPort === 0)
    ? ['where a rule says port 0 it will say the free port that the kernel gives']
    : []),
  ...(isolation === 'namespace'
    ? [
        'addresses and interface are the first that are free then; a derived name gets a number where it is taken',
      ]
    : []),
  ...(isolation === 'namespace' && !hasSeenOthers
    ? ['which sandboxes run already cannot be seen by this user, or on this system']
    : []),
  ...(firewall !== undefined && !canLook
    ? ['the rules are those for a system where no sandbox runs yet']
    : []),
];
