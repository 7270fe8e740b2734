/**
 * Follows a packet through filter rules, as far as can be told from their listing: a rule may ask for what is not
 * known of the packet, or in words that are not understood here. What is called dropped is dropped for certain.
 */
import type { Protocol } from '../../os/socket.ts';

/** Where the kernel calls filters (netfilter's hooks). */
export type FilterHook = 'prerouting' | 'input' | 'output' | 'postrouting';

/** A packet at one of the hooks; what is absent is not known. */
export interface Packet {
  readonly protocol: Protocol;
  readonly family: 4 | 6;
  readonly source?: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Interface it came by. */
  readonly input?: string;
  /** Interface it leaves by. */
  readonly output?: string;
  readonly state?: 'new' | 'established';
}

/** Undefined: nobody knows. */
export type Truth = boolean | undefined;

/** One that is false is enough; one that is not known may be. */
export const allOf = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(undefined) ? undefined : true;

/** One that is true is enough; one that is not known may be. */
export const anyOf = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(undefined) ? undefined : false;

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface FilterRule {
  matches(packet: Packet): Truth;
  /** Undefined: it decides nothing, e.g. it counts. */
  verdict(packet: Packet): Verdict | undefined;
}

/** A chain the kernel calls itself. */
export interface FilterChain {
  /** The command that changes its rules. */
  readonly command: 'nft' | 'iptables' | 'iptables-legacy';
  /** `inet filter`; of iptables just `filter`. */
  readonly table: string;
  readonly name: string;
  readonly hook: FilterHook;
  /** Versions of IP whose packets it is called with. */
  readonly families: readonly Packet['family'][];
  /** Those of lower numbers are called first. */
  readonly priority: number;
  readonly rules: readonly FilterRule[];
  /** It drops what no rule decides about. */
  readonly dropsRest: boolean;
  /** The chains of its table by name, where rules may lead. */
  readonly siblings: ReadonlyMap<string, readonly FilterRule[]>;
}

/** Chains lead to each other without loops; no sane rule set nests deeper. */
const MAX_DEPTH = 64;

/** Does a chain drop a packet, whatever is not known of it? */
export const drops = (chain: FilterChain, packet: Packet): boolean => new Walk(chain, packet).drops();

/** `end`: no rule has decided. */
type Outcome = 'accept' | 'drop' | 'end';

class Walk {
  readonly #chain: FilterChain;
  readonly #packet: Packet;
  /** A rule before may have let the packet out of here. */
  #mayHaveLeft = false;

  constructor(chain: FilterChain, packet: Packet) {
    this.#chain = chain;
    this.#packet = packet;
  }

  drops(): boolean {
    if (!this.#chain.families.includes(this.#packet.family)) return false;
    const outcome = this.#follow(this.#chain.rules, 0);
    const isDropped = outcome === 'drop' || (outcome === 'end' && this.#chain.dropsRest);
    return isDropped && !this.#mayHaveLeft;
  }

  #follow(rules: readonly FilterRule[], depth: number): Outcome {
    if (depth > MAX_DEPTH) this.#mayHaveLeft = true;
    if (this.#mayHaveLeft) return 'end';
    for (const rule of rules) {
      const matches = rule.matches(this.#packet);
      const verdict = matches === false ? undefined : rule.verdict(this.#packet);
      if (verdict === undefined) continue;
      // A drop that is not certain is none; everything else may be the packet's way out.
      if (matches === undefined && verdict.kind !== 'drop') this.#mayHaveLeft = true;
      if (matches === undefined) continue;
      if (!('chain' in verdict)) return verdict.kind === 'return' ? 'end' : verdict.kind;
      const outcome = this.#follow(this.#chain.siblings.get(verdict.chain) ?? [], depth + 1);
      if (outcome !== 'end' || verdict.kind === 'goto') return outcome;
    }
    return 'end';
  }
}
