/**
 * Makes everything a sandbox consists of, in an order in which each thing is recorded before it exists and
 * the engine boots while the network is still being built.
 */
import type { FromEngine } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { chooseLink, hostNetworks } from '../network/address-pool.ts';
import { guardFirewall } from '../network/firewall-guard.ts';
import { Firewall } from '../network/firewall.ts';
import type { FirewallBackend, Member } from '../network/firewall.ts';
import { namespaceName, vethName } from '../network/names.ts';
import { checkNamespaceFree, connectNamespace, createNamespace, hasInterface } from '../network/namespace.ts';
import type { Link, Namespace } from '../network/namespace.ts';
import { describeRefusals, Probes } from '../network/refusal.ts';
import { selectFirewall, selectTransport } from '../network/select.ts';
import type { Selection } from '../network/select.ts';
import type { HeldForward, Target, Transport } from '../network/transport.ts';
import type { SandboxDefinition } from './definition.ts';
import { EngineProcess } from './engine-process.ts';
import type { EngineOptions } from './engine-process.ts';
import { describeForEngine, holdPorts, relayDatagrams } from './held-ports.ts';
import type { HeldPorts } from './held-ports.ts';
import { reclaim, retire } from './reclaim.ts';
import type { SandboxRecord } from './record.ts';
import { State } from './state.ts';
import type { Claim } from './state.ts';

/** In the order they are done. */
export type SandboxStep =
  | 'ports'
  | 'record'
  | 'namespace'
  | 'engine'
  | 'link'
  | 'firewall'
  | 'transport'
  | 'go';

export interface StartOptions {
  readonly log: Log;
  /** In order of preference. */
  readonly firewalls: readonly FirewallBackend[];
  /** In order of preference. */
  readonly transports: readonly Transport[];
  /** Called after each step; throwing abandons the start, and everything made so far is unmade. */
  readonly onStep?: ((step: SandboxStep) => void) | undefined;
  /** Called again and again while the start waits for another wasmrun; throwing abandons it too. */
  readonly onWait?: (() => void) | undefined;
  readonly onOutput: EngineOptions['onOutput'];
  readonly onMessage: (message: FromEngine) => void;
}

/** The parts of a started sandbox; `resources` unmakes them in reverse order. */
export interface StartedSandbox {
  readonly record: SandboxRecord;
  readonly engine: EngineProcess;
  readonly namespace: Namespace;
  readonly selection: Selection;
  /** Where forwards lead. */
  readonly target: Target;
  readonly resources: AsyncDisposableStack;
}

/**
 * @throws {WasmrunError} whatever stands in the way; nothing is left behind then
 */
export const startSandbox = async (
  definition: SandboxDefinition,
  options: StartOptions,
): Promise<StartedSandbox> => {
  await using made = new AsyncDisposableStack();
  const step = (name: SandboxStep): void => options.onStep?.(name);
  const probes = new Probes();
  const wanted = definition.transport;
  // A wanted transport that does not work is an error before anything is touched.
  if (wanted !== 'auto') await selectTransport(options.transports, { wanted, probes });

  const needsLanding = options.transports.find(({ name }) => name === wanted)?.needsLandingPort === true;
  const ports = await holdPorts(definition.forwards, made, needsLanding);
  step('ports');
  const state = new State(definition.prefix);
  const { prefix } = definition;
  const sweep = { prefix, firewalls: options.firewalls };
  const { record, engine, namespace, firewall } = await state.exclusively(async () => {
    await reclaim(state, sweep);
    const living = state.living();
    const record = describeSandbox(definition, ports.forwards, living);
    checkNamespaceFree(record.namespace);
    const claim = state.claim(record);
    made.defer(() => state.exclusively(() => retire(state, claim, sweep)));
    step('record');
    const namespace = made.use(createNamespace(record.namespace));
    step('namespace');
    const inherited = ports.listeners.map(({ fd }) => fd);
    const channelCount = ports.datagrams.size;
    const engine = made.use(new EngineProcess({ ...options, namespace, inherited, channelCount }));
    engine.send(launchMessage(definition, ports));
    step('engine');
    made.use(connectNamespace(namespace, record.link));
    step('link');
    const firewall = await openFirewall(definition, options, { claim, living, probes });
    if (firewall !== undefined) made.use(await firewall.admit(record.link));
    step('firewall');
    return { record: claim.record, engine, namespace, firewall };
  }, options.onWait);
  await relayDatagrams(ports, engine, made);
  if (firewall !== undefined) {
    const members = (): Member[] => neighbours(state.living(), firewall.name).map(({ link }) => link);
    const exclusively = (action: () => Promise<void>): Promise<void> => state.exclusively(action);
    made.use(guardFirewall({ firewall, log: options.log, exclusively, members }));
  }
  const standing = firewall?.name;
  const selection = await selectTransport(options.transports, { wanted, standing, probes });
  step('transport');
  const target = { name: record.namespace, ...record.link, firewall };
  return { record, engine, namespace, selection, target, resources: made.move() };
};

/**
 * The firewall the sandbox is to stand behind, written down; undefined where none works here. Two kinds at
 * once would each refuse what the other one lets pass: the one that stands is joined, and a wanted
 * transport's own is the first choice.
 */
const openFirewall = async (
  { prefix, transport }: SandboxDefinition,
  { firewalls, transports, log }: StartOptions,
  { claim, living, probes }: { claim: Claim; living: readonly SandboxRecord[]; probes: Probes },
): Promise<Firewall | undefined> => {
  const standing = living.find(({ firewall }) => firewall !== undefined)?.firewall;
  const wanted = transports.find(({ name }) => name === transport)?.firewall;
  const { backend, refusals } = await selectFirewall(firewalls, { wanted: standing ?? wanted, probes });
  for (const line of describeRefusals(refusals)) log.detail(`firewall: ${line}`);
  if (backend === undefined) return undefined;
  claim.amend({ firewall: backend.name });
  return new Firewall(backend, prefix);
};

/** Sandboxes behind the same firewall. */
const neighbours = (living: readonly SandboxRecord[], name: Firewall['name']): SandboxRecord[] =>
  living.filter(({ firewall }) => firewall === name);

/**
 * Chooses name and addresses among the living; makes nothing.
 * @throws {WasmrunError} NAME_IN_USE, ADDRESS_POOL_EXHAUSTED
 */
export const describeSandbox = (
  { name: wanted, nameIsExplicit, prefix, addressPools }: SandboxDefinition,
  forwards: readonly HeldForward[],
  living: readonly SandboxRecord[],
): SandboxRecord => {
  const holder = living.find(({ name }) => name === wanted);
  if (holder !== undefined && nameIsExplicit) {
    throw new WasmrunError(
      'NAME_IN_USE',
      `a sandbox named ${wanted} is already running (pid ${holder.pid})`,
      {
        hint: 'Choose another name with --name, or stop that one.',
      },
    );
  }
  const name = firstFreeName(wanted, new Set(living.map((record) => record.name)));
  const { slot, link } = chooseFreeLink(prefix, addressPools, living);
  return { version: 1, name, pid: process.pid, namespace: namespaceName(prefix, name), slot, link, forwards };
};

/** A strange interface may have the name of one of ours: what a record names, a sweep removes. */
const chooseFreeLink = (
  prefix: string,
  pools: readonly string[],
  living: readonly SandboxRecord[],
): { slot: number; link: Link } => {
  const taken = new Set(living.map(({ slot }) => slot));
  const routes = hostNetworks();
  for (;;) {
    const { slot, ...addresses } = chooseLink({ pools, taken, routes });
    const veth = vethName(prefix, slot);
    if (!hasInterface(veth)) return { slot, link: { veth, ...addresses } };
    taken.add(slot);
  }
};

const firstFreeName = (wanted: string, names: ReadonlySet<string>): string => {
  let name = wanted;
  for (let number = 2; names.has(name); number += 1) name = `${wanted}-${number}`;
  return name;
};

const launchMessage = (
  { module, args, env, directories, tmpfs, user }: SandboxDefinition,
  ports: HeldPorts,
): Parameters<EngineProcess['send']>[0] => ({
  type: 'launch',
  module,
  args,
  env,
  directories,
  tmpfs,
  ...describeForEngine(ports),
  inherited: [],
  keepListeners: false,
  ...(user === undefined ? {} : { user }),
});
