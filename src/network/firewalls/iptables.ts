/**
 * The wall as chains of iptables, for machines where nftables cannot be spoken to. The promises are the
 * same, at the price of a process for each change and of rules that are gone through one by one. That a
 * host port leads to one sandbox only is vouched for by the listener that holds it.
 */
import { createIptables, type Iptables, type IptablesPrograms, probeIptables } from '../../os/iptables.ts';
import { rulesetGeneration } from '../../os/nft.ts';
import type { ProbeResult } from '../../os/probe.ts';
import type { Elements, FirewallBackend, Redirection } from '../firewall.ts';
import { DEFAULT_PREFIX } from '../names.ts';
import { alreadyRedirected, attempt } from './failure.ts';
import { readSavedTables, type SavedTables } from './iptables-listing.ts';
import { IptablesRules } from './iptables-rules.ts';

/** Debian's package of the commands. */
const PACKAGE = 'iptables';
/** The kind of iptables whose rules the kernel counts the changes of, as iptables-save calls itself. */
const OVER_NFTABLES = '(nf_tables)';

/** Tables in which nothing stands. */
const NOTHING: SavedTables = new Map();

/** The second choice: iptables in either of its kinds. */
export const createIptablesBackend = (programs?: IptablesPrograms): FirewallBackend =>
  new IptablesBackend(createIptables(programs));

class IptablesBackend implements FirewallBackend {
  readonly name = 'iptables';
  readonly #iptables: Iptables;
  readonly loader: readonly string[];
  /** Asked once: it costs a process. */
  #probe: Promise<ProbeResult> | undefined;
  #isOverNftables = false;

  constructor(iptables: Iptables) {
    this.#iptables = iptables;
    this.loader = iptables.loader;
  }

  probe(): Promise<ProbeResult> {
    this.#probe ??= probeIptables(this.#iptables, new IptablesRules(DEFAULT_PREFIX).make(NOTHING, {}));
    return this.#probe;
  }

  async raise(prefix: string, elements: Elements = {}): Promise<void> {
    await attempt(`set up the iptables chains of ${prefix}`, PACKAGE, async () => {
      await this.#restore(await this.raiseScript(prefix, elements, 'what stands'));
    });
  }

  async raiseScript(prefix: string, elements: Elements, onto: 'what stands' | 'nothing'): Promise<string> {
    const rules = new IptablesRules(prefix);
    const saved = onto === 'nothing' ? NOTHING : await this.#save();
    return rules.stand(saved) ? rules.add(saved, elements) : rules.make(saved, elements);
  }

  redirectScript(prefix: string, redirections: readonly Redirection[]): string {
    return new IptablesRules(prefix).add(NOTHING, { redirections });
  }

  async redirect(prefix: string, redirections: readonly Redirection[]): Promise<boolean> {
    const rules = new IptablesRules(prefix);
    return await attempt('redirect the host port', PACKAGE, async () => {
      const saved = await this.#save();
      const conflicts = rules.conflicts(saved, redirections);
      if (conflicts.length > 0) throw alreadyRedirected(conflicts);
      if (!rules.canRedirect(saved)) return false;
      await this.#restore(rules.add(saved, { redirections }));
      return true;
    });
  }

  async release(prefix: string, elements: Elements): Promise<void> {
    const rules = new IptablesRules(prefix);
    await attempt(`remove rules of the iptables chains of ${prefix}`, PACKAGE, () =>
      this.#unmake((saved) => rules.release(saved, elements)),
    );
  }

  async stands(prefix: string, elements: Elements): Promise<boolean> {
    const rules = new IptablesRules(prefix);
    const saved = await this.#save();
    return (rules.stand(saved) || rules.wereReplaced(saved)) && rules.hold(saved, elements);
  }

  generation(): number | undefined {
    return this.#isOverNftables ? rulesetGeneration() : undefined;
  }

  async remove(prefix: string): Promise<void> {
    const rules = new IptablesRules(prefix);
    await attempt(`remove the iptables chains of ${prefix}`, PACKAGE, () =>
      this.#unmake((saved) => rules.unmake(saved)),
    );
  }

  /** Someone may be removing the same at the same time: what fails is looked at again. */
  async #unmake(scriptFor: (saved: SavedTables) => string): Promise<void> {
    try {
      await this.#restore(scriptFor(await this.#save()));
    } catch {
      await this.#restore(scriptFor(await this.#save()));
    }
  }

  async #save(): Promise<SavedTables> {
    const text = await this.#iptables.save();
    this.#isOverNftables = text.includes(OVER_NFTABLES);
    return readSavedTables(text);
  }

  async #restore(script: string): Promise<void> {
    if (script !== '') await this.#iptables.restore(script);
  }
}
