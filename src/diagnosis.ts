/** What works on this machine and what stands in the way, found out without making anything that stays. */
import type { Settings } from './config/settings.ts';
import { WasmrunError } from './errors.ts';
import { expandForward } from './network/forward.ts';
import { Probes } from './network/refusal.ts';
import type { ExposedPort } from './network/other-firewalls.ts';
import { createUserNamespace } from './network/user-namespace.ts';
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

export interface Diagnosis {
  readonly facilities: readonly Facility[];
  /** Firewalls of others that keep other machines from forwards, with the command that lets them in. */
  readonly obstacles: readonly string[];
}

/** Asked about where the settings have no forwards. */
const SAMPLE_PORT: ExposedPort = { protocol: 'tcp', hostPort: 8080 };

export const diagnose = async ({ network }: Settings): Promise<Diagnosis> => {
  const probes = new Probes();
  const isolations = await Promise.all(ISOLATIONS.map(({ name }) => examineIsolation(name)));
  const { findObstacles, readRulesets } = await import('./network/other-firewalls.ts');
  const forwards = network.forwards.flatMap((spec) => expandForward(spec));
  const ports = forwards.flatMap(({ protocol, hostPort }): ExposedPort[] =>
    hostPort === undefined ? [] : [{ protocol, hostPort }],
  );
  const obstacles = findObstacles(await readRulesets(), {
    ports: ports.length > 0 ? ports : [SAMPLE_PORT],
    prefix: network.namespacePrefix,
  });
  const chosenIsolation = ISOLATIONS.find((isolation) => isolation.suits());
  return {
    facilities: [
      ...isolations.map((facility) => ({ ...facility, isChosen: facility.name === chosenIsolation?.name })),
      ...(await examineAll('firewall', FIREWALLS, probes)),
      ...(await examineAll('transport', transportsFor(process.platform), probes)),
    ],
    obstacles: obstacles.map(({ sentence }) => sentence),
  };
};

const examineIsolation = async (name: string): Promise<Facility> => {
  const facility = { kind: 'isolation', name, isChosen: false } as const;
  if (name === 'namespace') {
    const suits = ISOLATIONS.find((isolation) => isolation.name === name)?.suits() === true;
    return suits ? facility : { ...facility, reason: 'it needs root', hint: 'run wasmrun with sudo' };
  }
  if (name !== 'user-namespace') return facility;
  try {
    await using _namespace = await createUserNamespace(undefined);
    return facility;
  } catch (error) {
    if (!(error instanceof WasmrunError)) throw error;
    return { ...facility, reason: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
  }
};

/** The first that works is what `auto` takes. */
const examineAll = async (
  kind: Facility['kind'],
  candidates: readonly Parameters<Probes['refusal']>[0][],
  probes: Probes,
): Promise<Facility[]> => {
  const refusals = await Promise.all(candidates.map((candidate) => probes.refusal(candidate)));
  const chosen = refusals.indexOf(undefined);
  return candidates.map(({ name }, index) => {
    const { name: _, ...reasons } = refusals[index] ?? {};
    return { kind, name, isChosen: index === chosen, ...reasons };
  });
};
