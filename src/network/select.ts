/** Picks the transport that carries the forwards of a sandbox. */
import { WasmrunError } from '../errors.ts';
import type { ProbeResult, Transport, TransportName } from './transport.ts';

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
 * The first transport that works here, or the wanted one.
 * @param transports - in order of preference
 * @throws {WasmrunError} NO_TRANSPORT with every refusal's reason
 */
export const selectTransport = async (
  transports: readonly Transport[],
  wanted: TransportName | 'auto',
): Promise<Selection> => {
  const candidates = wanted === 'auto' ? transports : transports.filter(({ name }) => name === wanted);
  const refusals: Refusal[] = [];
  for (const transport of candidates) {
    const result = await probe(transport);
    if (result.ok) return { transport, refusals };
    const { ok: _, ...reasons } = result;
    refusals.push({ name: transport.name, ...reasons });
  }
  throw noTransport(wanted, refusals);
};

/** A probe that fails is a refusal too. */
const probe = async (transport: Transport): Promise<ProbeResult> => {
  try {
    return await transport.probe();
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
