/**
 * Makes everything a sandbox consists of, in an order in which each thing is recorded before it exists and
 * the engine boots while the network is still being built.
 */
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { guardFirewall } from '../network/firewall-guard.ts';
import { Firewall } from '../network/firewall.ts';
import type { FirewallBackend, Member } from '../network/firewall.ts';
import { describeRefusals, Probes } from '../network/refusal.ts';
import { namespaceName } from '../network/names.ts';
import { selectFirewall, selectTransport } from '../network/select.ts';
import type { Selection } from '../network/select.ts';
import type { Target, Transport } from '../network/transport.ts';
import type { SandboxDefinition } from './definition.ts';
import type { Generations } from './generations.ts';
import { HeldPorts } from './held-ports.ts';
import { selectIsolation, transportsInto } from './isolation.ts';
import type { Isolation } from './isolation.ts';
import { Reaper } from './reaper.ts';
import { reclaim, retire } from './reclaim.ts';
import { RECORD_VERSION } from './record.ts';
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
  readonly isolations: readonly Isolation[];
  /** In order of preference. */
  readonly firewalls: readonly FirewallBackend[];
  /** In order of preference. */
  readonly transports: readonly Transport[];
  /** Called after each step; throwing abandons the start, and everything made so far is unmade. */
  readonly onStep?: ((step: SandboxStep) => void) | undefined;
  /** Called again and again while the start waits for another wasmrun; throwing abandons it too. */
  readonly onWait?: (() => void) | undefined;
  /** The first engine is spawned here, and ends with the resources. */
  readonly generations: Generations;
}

/** The parts of a started sandbox; `resources` unmakes them in reverse order. */
export interface StartedSandbox {
  readonly claim: Claim;
  readonly ports: HeldPorts;
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
  const isolation = selectIsolation(options.isolations, definition.isolation);
  const wanted = definition.transport;
  const transports = transportsInto(isolation, options.transports, wanted);
  const probes = new Probes();
  // A wanted transport that does not work is an error before anything is touched.
  if (wanted !== 'auto') await selectTransport(transports, { wanted, probes });

  const { prefix } = definition;
  const state = new State(prefix);
  const ports = made.use(await holdPorts(definition, options, state));
  step('ports');
  const sweep = { prefix, firewalls: options.firewalls };
  const tellOfWait = waitNotice(options.log);
  const onWait = (waitedMs: number): void => {
    options.onWait?.();
    tellOfWait(waitedMs);
  };
  const reaper = made.use(new Reaper());
  const { generations } = options;
  const { enclosure, claim, firewall, selection } = await state.exclusively(async () => {
    await reclaim(state, sweep);
    const living = state.living();
    const name = chooseName(definition, living);
    const plan = isolation.plan({ ...definition, name, living });
    const claim = state.claim(
      describe(definition, { name, enclosure: plan.record, forwards: ports.forwards }),
    );
    made.defer(() => state.exclusively(() => retire(state, claim, sweep), waitNotice(options.log)));
    step('record');
    const enclosure = made.use(await plan.open());
    step('namespace');
    made.use(generations);
    generations.launchFirst(definition, enclosure, ports);
    step('engine');
    const { link } = enclosure;
    const firewall = link && (await openFirewall(definition, options, { claim, living, probes }));
    await enclosure.connect(firewall !== undefined);
    step('link');
    if (link && firewall) made.use(await firewall.admit(link));
    step('firewall');
    const standing = firewall?.name;
    const selection = await selectTransport(transports, { wanted, standing, probes });
    claim.amend({ transport: selection.transport.name });
    return { enclosure, claim, firewall, selection };
  }, onWait);
  await generations.relay();
  if (firewall !== undefined) made.use(guard(firewall, state, options));
  step('transport');
  const { record } = claim;
  if (record.enclosure.isolation === 'namespace') reaper.arm(prefix);
  const target = { name: namespaceName(prefix, record.name), link: enclosure.link, firewall };
  return { claim, ports, selection, target, resources: made.move() };
};

/** @throws {WasmrunError} PORT_IN_USE with who has it, PORT_FORBIDDEN, BIND_FAILED */
const holdPorts = async (
  { forwards, transport }: SandboxDefinition,
  { transports }: StartOptions,
  state: State,
): Promise<HeldPorts> => {
  const needsLanding = transports.find(({ name }) => name === transport)?.needsLandingPort === true;
  await using made = new AsyncDisposableStack();
  const ports = made.use(new HeldPorts(needsLanding, () => state.peek() ?? []));
  for (const forward of forwards) await ports.hold(forward);
  made.move();
  return ports;
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

const guard = (firewall: Firewall, state: State, { log }: StartOptions): AsyncDisposable =>
  guardFirewall({
    firewall,
    log,
    exclusively: (action) => state.exclusively(action),
    members: () => neighbours(state.living(), firewall.name),
  });

/** Sandboxes behind the same firewall. */
const neighbours = (living: readonly SandboxRecord[], name: Firewall['name']): Member[] =>
  living.flatMap(({ firewall, enclosure }) =>
    firewall === name && enclosure.isolation === 'namespace' ? [enclosure.link] : [],
  );

/**
 * A derived name gets a number where it is taken.
 * @throws {WasmrunError} NAME_IN_USE where a chosen one is
 */
export const chooseName = (
  { name, nameIsExplicit }: SandboxDefinition,
  living: readonly SandboxRecord[],
): string => {
  const holder = living.find((record) => record.name === name);
  if (holder !== undefined && nameIsExplicit) {
    throw new WasmrunError('NAME_IN_USE', `a sandbox named ${name} is already running (pid ${holder.pid})`, {
      hint: 'Choose another name with --name, or stop that one.',
    });
  }
  return firstFreeName(name, new Set(living.map((record) => record.name)));
};

const describe = (
  { id, language, app, isDetached }: SandboxDefinition,
  parts: Pick<SandboxRecord, 'name' | 'enclosure' | 'forwards'>,
): SandboxRecord => ({
  version: RECORD_VERSION,
  id,
  language,
  app,
  isDetached,
  startedAt: Date.now(),
  pid: process.pid,
  ...parts,
});

const firstFreeName = (wanted: string, names: ReadonlySet<string>): string => {
  let name = wanted;
  for (let number = 2; names.has(name); number += 1) name = `${wanted}-${number}`;
  return name;
};
