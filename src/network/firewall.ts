/**
 * The wall between sandboxes and everything else, and the kernel's table of forwards. What the wall
 * promises is the same whatever builds it (firewalls/*.ts, one backend each):
 *
 * - nothing from a sandbox reaches the host, its loopback, another sandbox or anything routed; it is
 *   refused at once (TCP reset, ICMP admin-prohibited), so that a program inside fails instead of waiting;
 * - a packet for 127.0.0.0/8 that comes out of a sandbox is dropped before connection tracking sees it
 *   (the class of CVE-2020-8558, possible because route_localnet is on), and so is one that does not come
 *   from the sandbox's own address;
 * - connections of the host to a redirected loopback port arrive in the sandbox, those to the sandbox's own
 *   address as well.
 */
import { writeFileSync } from 'node:fs';
import { WasmrunError } from '../errors.ts';
import type { ProbeResult } from '../os/probe.ts';
import { forgetFlows } from '../os/connection-tracking.ts';
import { SystemCallError } from '../os/libc.ts';
import type { Protocol } from '../os/socket.ts';

/** What redirects connections in the kernel of Linux. */
export type FirewallName = 'nftables' | 'iptables';

/** A sandbox as the firewall knows it: whatever else comes out of its interface is dropped. */
export interface Member {
  /** Host side interface of its veth pair. */
  readonly veth: string;
  readonly sandboxAddress: string;
}

/** A host port on a loopback address that the kernel redirects into a sandbox. */
export interface Redirection {
  readonly protocol: Protocol;
  /** An address in 127.0.0.0/8. */
  readonly address: string;
  readonly hostPort: number;
  readonly sandboxAddress: string;
  readonly processPort: number;
}

/** What sandboxes add to the rules. */
export interface Elements {
  readonly members?: readonly Member[];
  readonly redirections?: readonly Redirection[];
}

/** A firewall of the kernel. Every method but `probe` throws PERMISSION_DENIED or NETWORK_SETUP_FAILED. */
export interface FirewallBackend {
  readonly name: FirewallName;
  /** The command that loads its scripts from standard input, for people to read. */
  readonly loader: readonly string[];
  /** Can it be used here? Changes nothing. */
  probe(): Promise<ProbeResult>;
  /**
   * The script that {@link raise} loads; empty where all of it stands already. Changes nothing.
   * @param onto - `nothing`: as if no rules stood, without looking at this system
   */
  raiseScript(prefix: string, elements: Elements, onto: 'what stands' | 'nothing'): Promise<string>;
  /** The script that adds redirections to rules that stand. */
  redirectScript(prefix: string, redirections: readonly Redirection[]): string;
  /**
   * Makes sure that the rules of this version of wasmrun and these elements stand; elements of others stay.
   * Idempotent, also after a part of it was removed. Call under the lock of the state.
   * @throws {WasmrunError} NETWORK_SETUP_FAILED also where something of that name is not ours
   */
  raise(prefix: string, elements?: Elements): Promise<void>;
  /**
   * Adds redirections, all of them or none.
   * @returns false where the rules are gone; nothing is added then
   * @throws {WasmrunError} PORT_IN_USE when a port is redirected to another sandbox
   */
  redirect(prefix: string, redirections: readonly Redirection[]): Promise<boolean>;
  /** Takes elements back. Those that are gone, or belong to another sandbox by now, are left alone. */
  release(prefix: string, elements: Elements): Promise<void>;
  /** Are the rules and these elements all there? */
  stands(prefix: string, elements: Elements): Promise<boolean>;
  /** Grows with every change of the kernel's rules, whoever makes it; undefined where nobody counts. */
  generation(): number | undefined;
  /** Removes rules and elements; what is not there is fine, what is not ours stays. Call under the lock. */
  remove(prefix: string): Promise<void>;
}

/**
 * Ends the flows of datagrams that were redirected: the kernel would go on sending them where nobody
 * answers any more, for as long as a client keeps asking. Connections of TCP end by themselves.
 */
export const endFlows = (redirections: readonly Redirection[]): void => {
  for (const { protocol, address, hostPort } of redirections) {
    if (protocol !== 'udp') continue;
    try {
      forgetFlows({ protocol, address, port: hostPort });
    } catch (error) {
      // A kernel without ctnetlink forgets them too, half a minute to two after the last datagram.
      if (!(error instanceof SystemCallError)) throw error;
    }
  }
};

/** The part of one sandbox in the firewall of its prefix: remembers what it added, so as to make it again. */
export class Firewall {
  readonly #backend: FirewallBackend;
  readonly #prefix: string;
  readonly #members = new Set<Member>();
  readonly #redirections = new Set<Redirection>();
  /** One change or check at a time: what is being taken back must not be missed. */
  #last: Promise<unknown> = Promise.resolve();
  /** Generation of the kernel's rules in which everything stood. */
  #intact: number | undefined;

  constructor(backend: FirewallBackend, prefix: string) {
    this.#backend = backend;
    this.#prefix = prefix;
  }

  get name(): FirewallName {
    return this.#backend.name;
  }

  /**
   * Raises the rules and lets a sandbox take part: traffic from its own address, connections from the
   * host's loopback. Disposing takes that back. Call under the lock of the state.
   * @throws {WasmrunError} PERMISSION_DENIED, NETWORK_SETUP_FAILED
   */
  async admit({ veth, sandboxAddress }: Member): Promise<AsyncDisposable> {
    const member = { veth, sandboxAddress };
    await this.#serially(() => this.#backend.raise(this.#prefix, { members: [member] }));
    this.#members.add(member);
    const admission = this.#undo(this.#members, [member], { members: [member] });
    try {
      // Only now that the guard stands may 127.0.0.0/8 be routed over this interface, and over no other.
      writeFileSync(`/proc/sys/net/ipv4/conf/${veth}/route_localnet`, '1');
      return admission;
    } catch (cause) {
      await admission[Symbol.asyncDispose]();
      throw new WasmrunError('NETWORK_SETUP_FAILED', `cannot admit ${veth}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  /**
   * Has the kernel redirect loopback ports into a sandbox; all of them or none. Where someone has just
   * removed the rules, {@link restore} makes the redirections with them.
   * @throws {WasmrunError} PORT_IN_USE when one is redirected elsewhere, NETWORK_SETUP_FAILED
   */
  async redirect(redirections: readonly Redirection[]): Promise<AsyncDisposable> {
    await this.#serially(async () => {
      if (redirections.length > 0) await this.#backend.redirect(this.#prefix, redirections);
      for (const redirection of redirections) this.#redirections.add(redirection);
    });
    return this.#undo(this.#redirections, redirections, { redirections });
  }

  /** Is everything there that this sandbox relies on? Cheap: without changes nothing is looked at. */
  async stands(): Promise<boolean> {
    return await this.#serially(async () => {
      const generation = this.#backend.generation();
      if (generation !== undefined && generation === this.#intact) return true;
      const stands = await this.#backend.stands(this.#prefix, this.#elements());
      this.#intact = stands ? generation : undefined;
      return stands;
    });
  }

  /**
   * Makes again what someone removed, and membership of other sandboxes, in one transaction. Call under
   * the lock of the state.
   */
  async restore(others: readonly Member[]): Promise<void> {
    await this.#serially(() => this.#backend.raise(this.#prefix, this.#elements(others)));
  }

  #elements(others: readonly Member[] = []): Elements {
    const own = [...this.#members];
    const isOwn = new Set(own.map(({ veth }) => veth));
    return {
      members: [...own, ...others.filter(({ veth }) => !isOwn.has(veth))],
      redirections: [...this.#redirections],
    };
  }

  #undo<Element>(known: Set<Element>, added: readonly Element[], elements: Elements): AsyncDisposable {
    const once = new AsyncDisposableStack();
    once.defer(() =>
      this.#serially(async () => {
        for (const element of added) known.delete(element);
        await this.#backend.release(this.#prefix, elements);
        endFlows(elements.redirections ?? []);
      }),
    );
    return once;
  }

  #serially<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}
