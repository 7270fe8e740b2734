/** Picks the firewall a sandbox stands behind and the transport that carries its forwards. */
import { WasmrunError } from '../errors.ts';
import type { ProbeResult } from '../os/probe.ts';
import type { FirewallBackend, FirewallName } from './firewall.ts';
import type { Transport, TransportName } from './transport.ts';

/** Why a transport cannot be used here. */
export interface Refusal {
  readonly name: TransportName;
  readonly reason: string;
  readonly hint?: string;
}

export interface Selection {
  readonly transport: Transport;
  /** Transports that were preferred to it and refused, in order. */
  readonly refusals: readonly Refusal[];
}

/**
 * The firewall that works here, or the wanted one; undefined where none does.
 * @param backends - in order of preference
 * @throws {WasmrunError} NETWORK_SETUP_FAILED where the wanted one does not work
 */
export const selectFirewall = async (
  backends: readonly FirewallBackend[],
  wanted: FirewallName | undefined,
): Promise<FirewallBackend | undefined> => {
  for (const backend of backends) {
    if (wanted !== undefined && backend.name !== wanted) continue;
    const result = await probe(backend);
    if (result.ok) return backend;
    if (wanted === undefined) continue;
    throw new WasmrunError('NETWORK_SETUP_FAILED', `${wanted} does not work here: ${result.reason}`, {
      ...(result.hint !== undefined && { hint: result.hint }),
    });
  }
  return undefined;
};

/**
 * The first transport that works here, or the wanted one.
 * @param transports - in order of preference
 * @param standing - the firewall the sandbox stands behind, once that is settled: two at once would each
 *   refuse what the other one lets pass, so transports that need another one are refused
 * @throws {WasmrunError} NO_TRANSPORT with every refusal's reason
 */
export const selectTransport = async (
  transports: readonly Transport[],
  wanted: TransportName | 'auto',
  standing?: FirewallName,
): Promise<Selection> => {
  const candidates = wanted === 'auto' ? transports : transports.filter(({ name }) => name === wanted);
  const refusals: Refusal[] = [];
  for (const transport of candidates) {
    let result = await probe(transport);
    if (result.ok && standing !== undefined && (transport.firewall ?? standing) !== standing) {
      result = { ok: false, reason: `the sandboxes beside it stand behind ${standing}` };
    }
    if (result.ok) return { transport, refusals };
    const { ok: _, ...reasons } = result;
    refusals.push({ name: transport.name, ...reasons });
  }
  throw noTransport(wanted, refusals);
};

/** A probe that fails is a refusal too. */
const probe = async (facility: { probe(): Promise<ProbeResult> }): Promise<ProbeResult> => {
  try {
    return await facility.probe();
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
};

const noTransport = (wanted: TransportName | 'auto', refusals: readonly Refusal[]): WasmrunError => {
  const what = wanted === 'auto' ? 'no transport works here' : `the transport ${wanted} does not work here`;
  const reasons = refusals.map(({ name, reason }) => `${name}: ${reason}`);
  const hints = refusals.flatMap(({ hint }) => hint ?? []);
  if (reasons.length === 0) reasons.push('there is none of that name on this platform');
  return new WasmrunError('NO_TRANSPORT', `${what} (${reasons.join('; ')})`, {
    hint: hints.length > 0 ? hints.join('; ') : 'use --transport auto',
  });
};
