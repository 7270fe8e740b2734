/**
 * Makes everything a sandbox consists of, in an order in which each thing is recorded before it exists and
 * the engine boots while the network is still being built.
 */
import type { FromEngine } from '../engine/messages.ts';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { chooseLink, hostNetworks } from '../network/address-pool.ts';
import { openFirewall } from '../network/firewall.ts';
import { holdHostPort } from '../network/host-listener.ts';
import { namespaceName, vethName } from '../network/names.ts';
import { checkNamespaceFree, connectNamespace, createNamespace } from '../network/namespace.ts';
import { selectTransport } from '../network/select.ts';
import type { Selection } from '../network/select.ts';
import type { HeldForward, Transport } from '../network/transport.ts';
import { probeNft } from '../os/nft.ts';
import type { RequestedForward, SandboxDefinition } from './definition.ts';
import { EngineProcess, FIRST_INHERITED_FD } from './engine-process.ts';
import type { EngineOptions } from './engine-process.ts';
import { reclaim, removeUnusedFirewall } from './reclaim.ts';
import type { SandboxRecord } from './record.ts';
import { State } from './state.ts';

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
  readonly transports: readonly Transport[];
  /** Called after each step; throwing abandons the start, and everything made so far is unmade. */
  readonly onStep?: ((step: SandboxStep) => void) | undefined;
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
  readonly hasFirewall: boolean;
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
  const { record, engine, hasFirewall } = await state.exclusively(async () => {
    await reclaim(state, definition.prefix);
    const record = describe(definition, forwards, state.living());
    checkNamespaceFree(record.namespace);
    const claim = state.claim(record);
    made.defer(() =>
      state.exclusively(async () => {
        claim[Symbol.dispose]();
        await removeUnusedFirewall(state, definition.prefix);
      }),
    );
    step('record');
    const namespace = made.use(createNamespace(record.namespace));
    step('namespace');
    const engine = made.use(new EngineProcess({ ...options, namespace, inherited: fds }));
    engine.send(launchMessage(definition, forwards));
    step('engine');
    made.use(connectNamespace(namespace, record.link));
    step('link');
    const nft = await probeNft();
    if (nft.ok) made.use(await (await openFirewall({ prefix: definition.prefix })).admit(record.link));
    step('firewall');
    return { record, engine, hasFirewall: nft.ok };
  });
  const selection = await selectTransport(options.transports, definition.transport);
  step('transport');
  return { record, engine, selection, hasFirewall, resources: made.move() };
};

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
  const taken = new Set(living.map(({ slot }) => slot));
  const { slot, hostAddress, sandboxAddress } = chooseLink({
    pools: addressPools,
    taken,
    routes: hostNetworks(),
  });
  const link = { veth: vethName(prefix, slot), hostAddress, sandboxAddress };
  return { version: 1, name, pid: process.pid, namespace: namespaceName(prefix, name), slot, link, forwards };
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
