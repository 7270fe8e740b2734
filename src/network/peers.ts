/**
 * Other sandboxes of the same user that a sandbox may reach, by their names: as services of Docker Compose reach
 * each other. In the guest each has an address that stands for its name and leads nowhere by itself; the
 * supervisor, who opens all connections, knows what is meant (see sandbox/peer-connections.ts).
 */
import { WasmrunError } from '../errors.ts';
import { isSandboxName } from './names.ts';

/** One permission: a sandbox, and a port of its app. */
export interface PeerRule {
  /** As it was written. */
  readonly text: string;
  /** Name of the other sandbox. */
  readonly name: string;
  /** Process port, 1–65535; absent: any. */
  readonly port?: number;
}

/** A sandbox that may be reached. */
export interface Peer {
  readonly name: string;
  /** Process ports; absent: all. */
  readonly ports?: ReadonlySet<number>;
}

const MAX_PORT = 65_535;
/**
 * 198.18.0.0/15 is for measurements between machines of a laboratory (RFC 2544 appendix C.2.2), routed nowhere
 * else and nobody's service. So no address here hides one that an app wants, and what slipped through would
 * arrive nowhere. Rules for outbound connections reach it only by address, as all special ranges.
 */
const FIRST_ADDRESS = [198, 18, 0, 1] as const;

/**
 * Reads one permission: `db` or `db:5432`.
 * @throws {WasmrunError} PEER_INVALID
 */
export const parsePeer = (text: string): PeerRule => {
  const invalid = (reason: string): WasmrunError =>
    new WasmrunError('PEER_INVALID', `peer "${text}": ${reason}`, {
      hint: 'write the name of another sandbox, as --name gives it, or NAME:PORT with a port of its app: db:5432',
    });
  const [name = '', portText, ...rest] = text.trim().split(':');
  if (!isSandboxName(name)) throw invalid(`"${name}" cannot be the name of a sandbox`);
  if (portText === undefined) return { text, name };
  const port = Number(portText);
  if (rest.length === 0 && /^\d+$/.test(portText) && port >= 1 && port <= MAX_PORT) {
    return { text, name, port };
  }
  throw invalid(`port "${[portText, ...rest].join(':')}" is not a number from 1 to ${MAX_PORT}`);
};

/** The peers of a sandbox, by name and by the address that stands for it. */
export class Peers {
  readonly #addresses = new Map<string, string>();
  readonly #peers = new Map<string, Peer>();

  constructor(rules: readonly PeerRule[]) {
    for (const [name, own] of Map.groupBy(rules, (rule) => rule.name)) {
      const address = addressAt(this.#addresses.size);
      const ports = own.flatMap(({ port }) => port ?? []);
      this.#addresses.set(name, address);
      this.#peers.set(address, { name, ...(ports.length === own.length && { ports: new Set(ports) }) });
    }
  }

  /** The address that stands for a name: the same for as long as the guest runs, whatever becomes of the peer. */
  addressOf(name: string): string | undefined {
    return this.#addresses.get(name);
  }

  /** Whom an address stands for. */
  at(address: string): Peer | undefined {
    return this.#peers.get(address);
  }
}

/** In the order in which they are named, from the first on. */
const addressAt = (index: number): string => {
  const number = Buffer.from(FIRST_ADDRESS).readUInt32BE() + index;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
};
