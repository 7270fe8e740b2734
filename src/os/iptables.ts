/**
 * Speaks to iptables(8), in either of its kinds: over nf_tables, or the old interface of the kernel
 * ("legacy"). Each of them is a set of programs; those without a suffix are the kind the system prefers.
 */
import { CommandError, runCommand } from './command.ts';
import type { ProbeResult } from './probe.ts';

export interface IptablesPrograms {
  /** iptables-restore(8), as a name or a path. */
  readonly restore: string;
  /** iptables-save(8). */
  readonly save: string;
}

const PREFERRED: IptablesPrograms = { restore: 'iptables-restore', save: 'iptables-save' };

/** How long to wait for another program that is changing the rules, in seconds (only legacy needs it). */
const LOCK_WAIT_S = '5';

export interface Iptables {
  /** The command that {@link restore} runs. */
  readonly loader: readonly string[];
  /** Everything that stands, in the format of iptables-save. */
  save(): Promise<string>;
  /** Adds to what stands; each table of the script is one transaction, in order. */
  restore(script: string): Promise<void>;
  /** Reads the script, and says whether it could be done; changes nothing. */
  test(script: string): Promise<void>;
}

/** All methods throw {@link CommandError}. */
export const createIptables = ({ restore, save }: IptablesPrograms = PREFERRED): Iptables => {
  const options = ['--noflush', '--wait', LOCK_WAIT_S];
  return {
    loader: [restore, ...options],
    save: () => runCommand(save, []),
    restore: async (script) => void (await runCommand(restore, options, { input: script })),
    test: async (script) => void (await runCommand(restore, [...options, '--test'], { input: script })),
  };
};

/** Could this script be restored here? Changes nothing. */
export const probeIptables = async (iptables: Iptables, script: string): Promise<ProbeResult> => {
  try {
    await iptables.test(script);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.missing) {
      return { ok: false, reason: 'iptables is not installed', hint: 'apt-get install iptables' };
    }
    if (/Permission denied|you must be root/.test(error.message)) {
      return { ok: false, reason: 'iptables needs root (CAP_NET_ADMIN)', hint: 'run wasmrun with sudo' };
    }
    return { ok: false, reason: `iptables does not work: ${error.message}` };
  }
};
