/**
 * Speaks to pf, the packet filter of macOS, by pfctl(8). Only ever one anchor is changed: the main rules
 * (`-f` without `-a`) and pf's own switch (`-e`, `-d`) belong to the system. pf is kept on by a reference
 * (`-E`) that is given back (`-X`), so that it goes off again when nobody needs it.
 */
import { captureCommand, CommandError, type CommandOutput } from './command.ts';
import type { ProbeResult } from './probe.ts';

/** Where macOS keeps it; not looked up in PATH, as it runs as root. */
const PFCTL = '/sbin/pfctl';

/** Arguments of every call that is ever made. */
const ARGUMENTS = {
  status: ['-s', 'info'],
  enable: ['-E'],
  release: (token: string) => ['-X', token],
  load: (anchor: string) => ['-a', anchor, '-f', '-'],
  /** Only translation rules are ever loaded. */
  clear: (anchor: string) => ['-a', anchor, '-F', 'nat'],
};

/** Says that the reference is gone already: someone switched pf off, or the machine was started anew. */
const NOT_HELD = /pf not enabled|token invalid/;

export interface Pfctl {
  /** What a person would type for each of the calls. */
  readonly commands: {
    readonly enable: readonly string[];
    release(token: string): readonly string[];
    load(anchor: string): readonly string[];
    clear(anchor: string): readonly string[];
  };
  /** `pfctl -s info`. */
  status(): Promise<string>;
  /** Switches pf on, or keeps it on; returns the token that gives the reference back. */
  enable(): Promise<string>;
  /** Gives a reference back; one that is gone already is fine. */
  release(token: string): Promise<void>;
  /** Puts these rules in the place of those an anchor has, as one transaction. */
  load(anchor: string, rules: string): Promise<void>;
  /** Removes the translation rules of an anchor; without any it is gone. */
  clear(anchor: string): Promise<void>;
}

/** pfctl did something else than any version we know of. */
export class PfctlSurprise extends Error {
  override readonly name = 'PfctlSurprise';

  constructor(call: readonly string[], { stdout, stderr }: CommandOutput) {
    super(`${call.join(' ')} answers in words that are not known: ${JSON.stringify(stdout + stderr)}`);
  }
}

/**
 * All methods throw {@link CommandError}; `enable` {@link PfctlSurprise}, too.
 * @param file - the program
 */
export const createPfctl = (file: string = PFCTL): Pfctl => {
  const run = (args: readonly string[], input = ''): Promise<CommandOutput> =>
    captureCommand(file, args, { input });
  const call = (args: readonly string[]): readonly string[] => [file, ...args];
  return {
    commands: {
      enable: call(ARGUMENTS.enable),
      release: (token) => call(ARGUMENTS.release(token)),
      load: (anchor) => call(ARGUMENTS.load(anchor)),
      clear: (anchor) => call(ARGUMENTS.clear(anchor)),
    },
    status: async () => (await run(ARGUMENTS.status)).stdout,
    enable: async () => {
      const output = await run(ARGUMENTS.enable);
      const token = parseEnableToken(output.stderr) ?? parseEnableToken(output.stdout);
      if (token === undefined) throw new PfctlSurprise(call(ARGUMENTS.enable), output);
      return token;
    },
    release: async (token) => {
      try {
        await run(ARGUMENTS.release(token));
      } catch (error) {
        if (!(error instanceof CommandError && NOT_HELD.test(error.stderr))) throw error;
      }
    },
    load: async (anchor, rules) => void (await run(ARGUMENTS.load(anchor), rules)),
    clear: async (anchor) => void (await run(ARGUMENTS.clear(anchor))),
  };
};

/**
 * The token of `pfctl -E`, a 64-bit number kept as text: a JavaScript number would lose its last digits.
 * macOS prints `Token : 15053025338191571182` on standard error.
 */
export const parseEnableToken = (output: string): string | undefined =>
  /^Token : (\d{1,20})\r?$/m.exec(output)?.[1];

/** Can pf be used here? Changes nothing. */
export const probePf = async (pfctl: Pfctl): Promise<ProbeResult> => {
  try {
    const status = await pfctl.status();
    if (/^Status: (Enabled|Disabled)\b/m.test(status)) return { ok: true };
    return { ok: false, reason: `pfctl tells no status: ${JSON.stringify(status.slice(0, 80))}` };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.missing) {
      return { ok: false, reason: 'there is no pfctl', hint: 'pf is part of macOS: use --transport auto' };
    }
    if (isDenied(error)) return { ok: false, reason: 'pf needs root', hint: 'run wasmrun with sudo' };
    return { ok: false, reason: `pfctl does not work: ${error.message}` };
  }
};

/** Did pfctl refuse an ordinary user? Its words: `pfctl: /dev/pf: Permission denied`. */
export const isDenied = (error: unknown): boolean =>
  error instanceof CommandError && error.stderr.includes('Permission denied');
