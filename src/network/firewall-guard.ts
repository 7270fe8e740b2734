/**
 * Puts the wall back up when someone else takes it down: `nft flush ruleset` and `iptables -F` are how
 * other firewalls start. Forwards go on meanwhile, as the held listeners serve them.
 */
import type { Log } from '../log.ts';
import type { Firewall, Member } from './firewall.ts';

/** Pause between two looks, in ms: the wall is back within two seconds. */
const INTERVAL_MS = 1000;

export interface GuardOptions {
  readonly firewall: Firewall;
  /** Runs an action under the lock of the state. */
  readonly exclusively: (action: () => Promise<void>) => Promise<void>;
  /** All sandboxes behind this wall; asked under the lock. */
  readonly members: () => readonly Member[];
  readonly log: Log;
}

/** Guards until disposed; disposing waits for a look that is under way. Does not keep the process alive. */
export const guardFirewall = (options: GuardOptions): AsyncDisposable => {
  const guard = new FirewallGuard(options);
  return { [Symbol.asyncDispose]: () => guard.end() };
};

class FirewallGuard {
  readonly #options: GuardOptions;
  readonly #warned = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #hasEnded = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#schedule();
  }

  async end(): Promise<void> {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    await this.#look;
  }

  #schedule(): void {
    if (this.#hasEnded) return;
    this.#timer = setTimeout(() => {
      this.#look = this.#check().finally(() => this.#schedule());
    }, INTERVAL_MS).unref();
  }

  async #check(): Promise<void> {
    const { firewall, exclusively, members } = this.#options;
    try {
      if (await firewall.stands()) return;
      await exclusively(() => firewall.restore(members()));
      this.#warnOnce(`someone removed the ${firewall.name} rules that isolate the sandbox; they are back`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#warnOnce(`the ${firewall.name} rules that isolate the sandbox cannot be kept up: ${reason}`);
    }
  }

  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.#options.log.warn(message);
  }
}
