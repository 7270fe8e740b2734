/** Picks the firewall a sandbox stands behind and the transport that carries its forwards. */
import { WasmrunError } from '../errors.ts';
import type { FirewallBackend, FirewallName } from './firewall.ts';
import { Probes, type Refusal } from './refusal.ts';
import type { Transport, TransportName } from './transport.ts';

export interface Selection {
  readonly transport: Transport;
  /** Transports that were preferred to it and refused, in order. */
  readonly refusals: readonly Refusal[];
}

export interface FirewallSelection {
  /** Undefined where none works. */
  readonly backend: FirewallBackend | undefined;
  /** Those that were preferred to it and refused, in order. */
  readonly refusals: readonly Refusal[];
}

export interface FirewallWish {
  readonly wanted: FirewallName | undefined;
  /** Answers known already. */
  readonly probes?: Probes;
}

/**
 * The firewall that works here, or the wanted one.
 * @param backends - in order of preference
 * @throws {WasmrunError} NETWORK_SETUP_FAILED where the wanted one does not work
 */
export const selectFirewall = async (
  backends: readonly FirewallBackend[],
  { wanted, probes = new Probes() }: FirewallWish,
): Promise<FirewallSelection> => {
  const refusals: Refusal[] = [];
  for (const backend of backends) {
    if (wanted !== undefined && backend.name !== wanted) continue;
    const refusal = await probes.refusal(backend);
    if (refusal === undefined) return { backend, refusals };
    refusals.push(refusal);
    if (wanted === undefined) continue;
    const { reason, hint } = refusal;
    throw new WasmrunError('NETWORK_SETUP_FAILED', `${wanted} does not work here: ${reason}`, {
      ...(hint !== undefined && { hint }),
    });
  }
  return { backend: undefined, refusals };
};

export interface TransportWish {
  readonly wanted: TransportName | 'auto';
  /**
   * The firewall the sandbox stands behind, once that is settled: two at once would each refuse what the
   * other one lets pass, so transports that need another one are refused.
   */
  readonly standing?: FirewallName | undefined;
  /** Answers known already. */
  readonly probes?: Probes;
}

/**
 * The first transport that works here, or the wanted one.
 * @param transports - in order of preference
 * @throws {WasmrunError} NO_TRANSPORT with every refusal's reason
 */
export const selectTransport = async (
  transports: readonly Transport[],
  { wanted, standing, probes = new Probes() }: TransportWish,
): Promise<Selection> => {
  const candidates = wanted === 'auto' ? transports : transports.filter(({ name }) => name === wanted);
  const refusals: Refusal[] = [];
  for (const transport of candidates) {
    const { name, firewall = standing } = transport;
    const refusal = (await probes.refusal(transport)) ?? otherWall(name, firewall, standing);
    if (refusal === undefined) return { transport, refusals };
    refusals.push(refusal);
  }
  throw noTransport(wanted, refusals);
};

const otherWall = (
  name: TransportName,
  needed: FirewallName | undefined,
  standing: FirewallName | undefined,
): Refusal | undefined =>
  standing === undefined || needed === standing
    ? undefined
    : { name, reason: `the sandboxes beside it stand behind ${standing}` };

const noTransport = (wanted: TransportName | 'auto', refusals: readonly Refusal[]): WasmrunError => {
  const what = wanted === 'auto' ? 'no transport works here' : `the transport ${wanted} does not work here`;
  const reasons = refusals.map(({ name, reason }) => `${name}: ${reason}`);
  const hints = refusals.flatMap(({ hint }) => hint ?? []);
  if (reasons.length === 0) reasons.push(`there is none of that name on ${process.platform}`);
  return new WasmrunError('NO_TRANSPORT', `${what} (${reasons.join('; ')})`, {
    hint: hints.length > 0 ? hints.join('; ') : 'use --transport auto',
  });
};
