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
import type { FirewallBackend } from '../network/firewall.ts';
import { holdHostPort } from '../network/host-listener.ts';
import { namespaceName, vethName } from '../network/names.ts';
import { checkNamespaceFree, connectNamespace, createNamespace, hasInterface } from '../network/namespace.ts';
import type { Link } from '../network/namespace.ts';
import { selectFirewall, selectTransport } from '../network/select.ts';
import type { Selection } from '../network/select.ts';
import type { HeldForward, Target, Transport } from '../network/transport.ts';
import type { RequestedForward, SandboxDefinition } from './definition.ts';
import { EngineProcess, FIRST_INHERITED_FD } from './engine-process.ts';
import type { EngineOptions } from './engine-process.ts';
import { Reaper } from './reaper.ts';
import { reclaim, retire } from './reclaim.ts';
import type { SandboxRecord } from './record.ts';
import { State } from './state.ts';
import type { Claim } from './state.ts';
import { waitNotice } from './wait-notice.ts';

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

/** Where `::1` does not exist, localhost is just 127.0.0.1. */
const OPTIONAL_ADDRESSES: readonly string[] = ['::1'];

/** The parts of a started sandbox; `resources` unmakes them in reverse order. */
export interface StartedSandbox {
  readonly record: SandboxRecord;
  readonly engine: EngineProcess;
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
  // A wanted transport that does not work is an error before anything is touched.
  if (definition.transport !== 'auto') await selectTransport(options.transports, definition.transport);

  const { forwards, fds } = holdPorts(definition.forwards, made);
  step('ports');
  const state = new State(definition.prefix);
  const { prefix } = definition;
  const sweep = { prefix, firewalls: options.firewalls };
  const tellOfWait = waitNotice(options.log);
  const onWait = (waitedMs: number): void => {
    options.onWait?.();
    tellOfWait(waitedMs);
  };
  const reaper = made.use(new Reaper());
  const { record, engine, firewall } = await state.exclusively(async () => {
    await reclaim(state, sweep);
    const living = state.living();
    const record = describe(definition, forwards, living);
    checkNamespaceFree(record.namespace);
    const claim = state.claim(record);
    made.defer(() => state.exclusively(() => retire(state, claim, sweep), waitNotice(options.log)));
    step('record');
    const namespace = made.use(createNamespace(record.namespace));
    step('namespace');
    const engine = made.use(new EngineProcess({ ...options, namespace, inherited: fds }));
    engine.send(launchMessage(definition, forwards));
    step('engine');
    made.use(connectNamespace(namespace, record.link));
    step('link');
    const firewall = await openFirewall(definition, options, { claim, living });
    if (firewall !== undefined) made.use(await firewall.admit(record.link));
    step('firewall');
    return { record: claim.record, engine, firewall };
  }, onWait);
  if (firewall !== undefined) {
    const members = (): Target[] => neighbours(state.living(), firewall.name).map(({ link }) => link);
    const exclusively = (action: () => Promise<void>): Promise<void> => state.exclusively(action);
    made.use(guardFirewall({ firewall, log: options.log, exclusively, members }));
  }
  const selection = await selectTransport(options.transports, definition.transport, firewall?.name);
  step('transport');
  reaper.arm(prefix);
  const target = { ...record.link, firewall };
  return { record, engine, selection, target, resources: made.move() };
};

/**
 * The firewall the sandbox is to stand behind, written down; undefined where none works here. Two kinds at
 * once would each refuse what the other one lets pass: the one that stands is joined, and a wanted
 * transport's own is the first choice.
 */
const openFirewall = async (
  { prefix, transport }: SandboxDefinition,
  { firewalls, transports }: StartOptions,
  { claim, living }: { claim: Claim; living: readonly SandboxRecord[] },
): Promise<Firewall | undefined> => {
  const standing = living.find(({ firewall }) => firewall !== undefined)?.firewall;
  const wanted = transports.find(({ name }) => name === transport)?.firewall;
  const backend = await selectFirewall(firewalls, standing ?? wanted);
  if (backend === undefined) return undefined;
  claim.amend({ firewall: backend.name });
  return new Firewall(backend, prefix);
};

/** Sandboxes behind the same firewall. */
const neighbours = (living: readonly SandboxRecord[], name: Firewall['name']): SandboxRecord[] =>
  living.filter(({ firewall }) => firewall === name);

const holdPorts = (
  requested: readonly RequestedForward[],
  made: AsyncDisposableStack,
): { forwards: HeldForward[]; fds: number[] } => {
  const forwards: HeldForward[] = [];
  const fds: number[] = [];
  for (const { addresses, hostPort, processPort } of requested) {
    const held = made.use(
      holdHostPort({ addresses, port: hostPort, processPort, skipUnavailable: OPTIONAL_ADDRESSES }),
    );
    const listening = held.listeners.map(({ address }) => address);
    forwards.push({ addresses: listening, hostPort: held.hostPort, processPort, protocol: 'tcp' });
    fds.push(...held.listeners.map(({ fd }) => fd));
  }
  return { forwards, fds };
};

/** Chooses name and addresses among the living. */
const describe = (
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
  forwards: readonly HeldForward[],
): Parameters<EngineProcess['send']>[0] => {
  let fd = FIRST_INHERITED_FD;
  return {
    type: 'launch',
    module,
    args,
    env,
    directories,
    tmpfs,
    handed: forwards.flatMap(({ addresses, processPort }) =>
      addresses.map(() => ({ fd: fd++, processPort })),
    ),
    ports: [...new Set(forwards.map(({ processPort }) => processPort))],
    ...(user === undefined ? {} : { user }),
  };
};
