/** What works on this machine and what stands in the way, found out without making anything that stays. */
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

export interface Diagnosis {
  readonly facilities: readonly Facility[];
  /** Firewalls of others that keep other machines from forwards, with the command that lets them in. */
  readonly obstacles: readonly string[];
}

/** Asked about where the settings have no forwards. */
const SAMPLE_PORT: ExposedPort = { protocol: 'tcp', hostPort: 8080 };

export const diagnose = async ({ network }: Settings): Promise<Diagnosis> => {
  const probes = new Probes();
  const { findObstacles, readRulesets } = await import('./network/other-firewalls.ts');
  const forwards = network.forwards.flatMap((spec) => expandForward(spec));
  const ports = forwards.flatMap(({ protocol, hostPort }): ExposedPort[] =>
    hostPort === undefined ? [] : [{ protocol, hostPort }],
  );
  const obstacles = findObstacles(await readRulesets(), {
    ports: ports.length > 0 ? ports : [SAMPLE_PORT],
    prefix: network.namespacePrefix,
  });
  const firewalls = await probeAll(FIREWALLS, probes);
  const transports = await probeAll(transportsFor(process.platform), probes);
  return {
    facilities: [
      ...list(
        'isolation',
        await probeAll(ISOLATIONS, probes),
        ISOLATIONS.findIndex((isolation) => isolation.suits()),
      ),
      ...list('firewall', firewalls, firewalls.findIndex(isUsable)),
      ...list('transport', transports, transports.findIndex(isUsable)),
    ],
    obstacles: obstacles.map(({ sentence }) => sentence),
  };
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
