/** Why facilities of a system cannot be used: asked once, told in one wording. */
import type { ProbeResult } from '../os/probe.ts';
import type { IsolationName } from './names.ts';
import type { TransportName } from './transport.ts';

/** A firewall, a transport (one that is named after a firewall is that), or an isolation. */
type FacilityName = TransportName | IsolationName;

/** Why a facility cannot be used here. */
export interface Refusal {
  readonly name: FacilityName;
  /** Why not, as a clause: `nft is not installed`. */
  readonly reason: string;
  /** What the user can do about it. */
  readonly hint?: string;
}

/** Something that can say whether it works here. */
interface Facility {
  readonly name: FacilityName;
  probe(): Promise<ProbeResult>;
}

/** One line for each: `nftables is not available (nft is not installed: apt-get install nftables)`. */
export const describeRefusals = (refusals: readonly Refusal[]): string[] =>
  refusals.map(({ name, reason, hint }) => {
    const remedy = hint === undefined ? '' : `: ${hint}`;
    return `${name} is not available (${reason}${remedy})`;
  });

/**
 * Asks each facility once, however often the answer is needed. A transport that is named after a firewall
 * works where that firewall does, so both are one question.
 */
export class Probes {
  readonly #results = new Map<FacilityName, Promise<ProbeResult>>();

  /** Why it cannot be used; undefined where it works. */
  async refusal(facility: Facility): Promise<Refusal | undefined> {
    const result = this.#results.get(facility.name) ?? ask(facility);
    this.#results.set(facility.name, result);
    const answer = await result;
    if (answer.ok) return undefined;
    const { ok: _, ...reasons } = answer;
    return { name: facility.name, ...reasons };
  }
}

/** A probe that fails is a refusal too. */
const ask = async (facility: Facility): Promise<ProbeResult> => {
  try {
    return await facility.probe();
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
};
