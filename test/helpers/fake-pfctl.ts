/** Makes a fake pfctl; what is true and what is not about it stands in fake-pfctl-program.ts. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParsedRedirection } from './pf-conf.ts';

const PROGRAM = fileURLToPath(new URL('./fake-pfctl-program.ts', import.meta.url));

/** Everything the fake knows from one call to the next. */
export interface FakePfState {
  /** Redirections by anchor. */
  anchors: Record<string, ParsedRedirection[]>;
  /** References that keep pf on. */
  tokens: string[];
  nextToken: number;
  /** It is an ordinary user who calls. */
  readonly isDenied?: boolean;
  /** Printed by `-E` in place of what was recorded. */
  readonly enableOutput?: string;
  /** Printed by `-s info` in place of what was recorded. */
  readonly statusOutput?: string;
  /** Name of a table in which nftables does what pf would do; without one, rules have no effect. */
  readonly table?: string;
}

export interface FakePfctl extends Disposable {
  /** To be called in pfctl's place. */
  readonly path: string;
  state(): FakePfState;
  /** Every call so far: its arguments, and what it was given on standard input. */
  calls(): { readonly args: readonly string[]; readonly input: string }[];
}

export const createFakePfctl = (
  options: Partial<Omit<FakePfState, 'anchors' | 'tokens' | 'nextToken'>> = {},
): FakePfctl => {
  const directory = mkdtempSync(join(tmpdir(), 'wasmrun-pfctl-'));
  const path = join(directory, 'pfctl');
  const state: FakePfState = { anchors: {}, tokens: [], nextToken: 71_182, ...options };
  writeFileSync(join(directory, 'state.json'), JSON.stringify(state));
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' '${directory}' "$@"\n`);
  chmodSync(path, 0o755);
  const read = (file: string): string => {
    const whole = join(directory, file);
    return existsSync(whole) ? readFileSync(whole, 'utf8') : '';
  };
  return {
    path,
    state: () => JSON.parse(read('state.json')),
    calls: () =>
      read('calls.jsonl')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
};
