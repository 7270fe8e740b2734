/**
 * macOS: pf redirects a held loopback port to a second one that is held, too, and leads to the same process
 * port. There is no namespace and hence no other address to redirect to; the engine accepts from both. When
 * someone flushes pf's rules, the first listener serves on.
 */
import { WasmrunError } from '../../errors.ts';
import { createPfctl, isDenied, type Pfctl, probePf } from '../../os/pfctl.ts';
import { isIpv4Loopback } from '../loopback.ts';
import type { Refusal } from '../refusal.ts';
import type { HeldForward, OpenForward, Transport } from '../transport.ts';
import { anchorOf, type PfRedirection, rulesOf } from './pf-rules.ts';

/** The kernel's redirection of macOS, on request: it is no faster than `handoff`, which needs no root. */
export const createPfTransport = (pfctl: Pfctl = createPfctl()): Transport => {
  const anchors = new Map<string, PfAnchor>();
  return {
    name: 'pf',
    needsLandingPort: true,
    // Datagrams are relayed from the held socket; nobody would take those of a second one.
    carries: ({ protocol, addresses }) =>
      protocol === 'tcp' && addresses.some((address) => isIpv4Loopback(address)),
    probe: () => probePf(pfctl),
    open: async (forward, { name }) => {
      const anchor = anchors.get(name) ?? new PfAnchor(pfctl, anchorOf(name));
      anchors.set(name, anchor);
      return await anchor.open(pfRedirectionsOf(forward));
    },
  };
};

/** What pf is told for a forward: UDP, `[::1]` and addresses of a LAN are left to the held socket. */
export const pfRedirectionsOf = ({
  addresses,
  hostPort,
  protocol,
  landingPort,
}: HeldForward): PfRedirection[] => {
  if (protocol !== 'tcp') return [];
  if (landingPort === undefined) throw new Error('pf needs a second port that is held');
  return addresses
    .filter((address) => isIpv4Loopback(address))
    .map((address) => ({ address, hostPort, protocol, landingPort }));
};

const NOT_EVALUATED: Refusal = {
  name: 'pf',
  reason: 'its rules are loaded, but this system does not follow them',
  hint: "another program has replaced pf's main rules, `sudo pfctl -s nat` shows them",
};

/** All rules of one sandbox, and the reference that keeps pf on meanwhile. */
class PfAnchor {
  readonly #pfctl: Pfctl;
  readonly #name: string;
  readonly #redirections = new Set<PfRedirection>();
  #token: string | undefined;
  /** Are rules of this anchor followed? Unknown before the first. */
  #isFollowed: boolean | undefined;
  /** One change at a time: each loads all rules. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(pfctl: Pfctl, name: string) {
    this.#pfctl = pfctl;
    this.#name = name;
  }

  open(added: readonly PfRedirection[]): Promise<OpenForward> {
    return this.#serially(async () => {
      const open = new AsyncDisposableStack();
      if (added.length === 0) return open;
      for (const redirection of added) this.#redirections.add(redirection);
      try {
        if (await this.#establish()) {
          open.defer(() => this.#serially(() => this.#close(added)));
          return open;
        }
        await this.#close(added);
        return { fallback: NOT_EVALUATED, [Symbol.asyncDispose]: () => open.disposeAsync() };
      } catch (error) {
        // The first failure is the one to tell.
        await this.#close(added).catch(() => {});
        throw error;
      }
    });
  }

  /** Loads the rules, once it is known that they are followed; false where they are not. */
  async #establish(): Promise<boolean> {
    if (this.#isFollowed === false) return false;
    this.#token ??= await attempt('switch pf on', () => this.#pfctl.enable());
    if (this.#isFollowed === undefined) {
      const { redirectionWorks } = await import('./pf-canary.ts');
      this.#isFollowed = await redirectionWorks((canary) => this.#load([canary]));
    }
    if (this.#isFollowed) await this.#load([...this.#redirections]);
    return this.#isFollowed;
  }

  /** Takes redirections back; with the last one the anchor and the reference go, too. */
  async #close(redirections: readonly PfRedirection[]): Promise<void> {
    for (const redirection of redirections) this.#redirections.delete(redirection);
    const token = this.#token;
    if (token === undefined) return;
    if (this.#redirections.size > 0) return await this.#load([...this.#redirections]);
    this.#token = undefined;
    try {
      await attempt(`empty the pf anchor ${this.#name}`, () => this.#pfctl.clear(this.#name));
    } finally {
      await attempt('give the reference to pf back', () => this.#pfctl.release(token));
    }
  }

  async #load(redirections: readonly PfRedirection[]): Promise<void> {
    await attempt(`load the pf anchor ${this.#name}`, () =>
      this.#pfctl.load(this.#name, rulesOf(redirections)),
    );
  }

  #serially<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Does one step; its failure names the step. */
const attempt = async <Result>(step: string, action: () => Promise<Result>): Promise<Result> => {
  try {
    return await action();
  } catch (cause) {
    if (isDenied(cause)) {
      const hint = 'run wasmrun with sudo';
      throw new WasmrunError('PERMISSION_DENIED', `cannot ${step}: this needs root`, { hint, cause });
    }
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new WasmrunError('NETWORK_SETUP_FAILED', `cannot ${step}: ${message}`, {
      hint: 'use --transport handoff, which needs no pf',
      cause,
    });
  }
};
