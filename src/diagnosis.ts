/** What works on this machine and what stands in the way, found out without making anything that stays. */
import { checkMachine, type Check } from './machine-checks.ts';
import { WasmrunError } from './errors.ts';
import type { Log } from './log.ts';
import { collectGarbage, type Leftover } from './wasmrun.ts';
import type { Settings } from './config/settings.ts';
import { expandForward } from './network/forward.ts';
import { Probes, type Refusal } from './network/refusal.ts';
import type { ExposedPort } from './network/other-firewalls.ts';
import { FIREWALLS, ISOLATIONS, transportsFor } from './platform.ts';

/** Something wasmrun can use, or why it cannot. */
export interface Facility {
  readonly kind: 'isolation' | 'firewall' | 'transport';
  readonly name: string;
  /** What `auto` takes. */
  readonly isChosen: boolean;
  /** Why it cannot be used here; absent where it can. */
  readonly reason?: string;
  readonly hint?: string;
}

/** Something that keeps wasmrun from running anything. */
export interface Problem {
  readonly text: string;
  readonly hint?: string;
}

export interface Diagnosis {
  readonly checks: readonly Check[];
  readonly facilities: readonly Facility[];
  /** Firewalls of others that keep other machines from forwards, with the command that lets them in. */
  readonly obstacles: readonly string[];
  /** What killed supervisors left behind, and is still there. */
  readonly leftovers: readonly Leftover[];
  /** What of that has just been removed; absent unless that was asked for. */
  readonly removed?: readonly Leftover[];
  /** None where sandboxes can be started. */
  readonly problems: readonly Problem[];
}

export interface DiagnosisOptions {
  /** Remove what is left of killed sandboxes. */
  readonly fix: boolean;
  readonly log: Log;
}

/** Asked about where the settings have no forwards. */
const SAMPLE_PORT: ExposedPort = { protocol: 'tcp', hostPort: 8080 };

/** @throws {WasmrunError} where what was asked to be removed resists */
export const diagnose = async ({ network }: Settings, { fix, log }: DiagnosisOptions): Promise<Diagnosis> => {
  const removed = fix ? await collectGarbage(network.namespacePrefix, { log }) : undefined;
  const checks = await checkMachine();
  const facilities = await probeFacilities();
  const { leftovers, problem } = await findLeftovers(network.namespacePrefix, log);
  return {
    checks,
    facilities,
    obstacles: await listObstacles(network),
    leftovers,
    ...(removed !== undefined && { removed }),
    problems: [
      ...checks.flatMap(brokenCheck),
      ...unusable(facilities),
      ...(problem === undefined ? [] : [problem]),
    ],
  };
};

const listObstacles = async (network: Settings['network']): Promise<string[]> => {
  const { findObstacles, readRulesets } = await import('./network/other-firewalls.ts');
  const ports = network.forwards
    .flatMap(expandForward)
    .flatMap(({ protocol, hostPort }): ExposedPort[] =>
      hostPort === undefined ? [] : [{ protocol, hostPort }],
    );
  const obstacles = findObstacles(await readRulesets(), {
    ports: ports.length > 0 ? ports : [SAMPLE_PORT],
    prefix: network.namespacePrefix,
  });
  return obstacles.map(({ sentence }) => sentence);
};

const probeFacilities = async (): Promise<Facility[]> => {
  const probes = new Probes();
  const firewalls = await probeAll(FIREWALLS, probes);
  const transports = await probeAll(transportsFor(process.platform), probes);
  return [
    ...list(
      'isolation',
      await probeAll(ISOLATIONS, probes),
      ISOLATIONS.findIndex((isolation) => isolation.suits()),
    ),
    ...list('firewall', firewalls, firewalls.findIndex(isUsable)),
    ...list('transport', transports, transports.findIndex(isUsable)),
  ];
};

/** Records that cannot be read or kept stand in the way of every start. */
const findLeftovers = async (
  prefix: string,
  log: Log,
): Promise<{ readonly leftovers: readonly Leftover[]; readonly problem?: Problem }> => {
  try {
    return { leftovers: await collectGarbage(prefix, { dryRun: true, log }) };
  } catch (error) {
    if (!(error instanceof WasmrunError)) throw error;
    const { message, hint } = error;
    return { leftovers: [], problem: { text: message, ...(hint !== undefined && { hint }) } };
  }
};

const brokenCheck = ({ kind, state, text, hint }: Check): Problem[] =>
  state === 'broken' ? [{ text: `${kind}: ${text}`, ...(hint !== undefined && { hint }) }] : [];

/** The isolation that `auto` takes is refused, or no transport works. */
const unusable = (facilities: readonly Facility[]): Problem[] => {
  const isolation = facilities.find(({ kind, isChosen }) => kind === 'isolation' && isChosen);
  const transports = facilities.filter(({ kind }) => kind === 'transport');
  return [
    ...(isolation?.reason === undefined
      ? []
      : [{ text: isolation.reason, ...(isolation.hint !== undefined && { hint: isolation.hint }) }]),
    ...(transports.some(({ reason }) => reason === undefined) ? [] : [{ text: 'no transport works' }]),
  ];
};

interface Probed {
  readonly name: string;
  readonly refusal: Refusal | undefined;
}

const probeAll = async (
  candidates: readonly Parameters<Probes['refusal']>[0][],
  probes: Probes,
): Promise<Probed[]> =>
  await Promise.all(
    candidates.map(async (candidate) => ({ name: candidate.name, refusal: await probes.refusal(candidate) })),
  );

const isUsable = ({ refusal }: Probed): boolean => refusal === undefined;

/** @param chosen - index of what `auto` takes */
const list = (kind: Facility['kind'], probed: readonly Probed[], chosen: number): Facility[] =>
  probed.map(({ name, refusal }, index) => {
    const { name: _, ...reasons } = refusal ?? {};
    return { kind, name, isChosen: index === chosen, ...reasons };
  });
