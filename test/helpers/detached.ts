/** Detached sandboxes of a test: a prefix of its own, and nothing of it left at the end. */
import { runCli } from './cli.ts';
import type { CliEnd, CliOptions } from './cli.ts';
import { newPrefix } from './cli.ts';

export interface DetachedSandboxes extends AsyncDisposable {
  readonly prefix: string;
  /** Runs a command on them to its end. */
  run(...args: readonly string[]): Promise<CliEnd>;
  /** The one document a command with `--json` prints. */
  json(...args: readonly string[]): Promise<AnswerDocument>;
}

export interface AnswerDocument {
  readonly command: string;
  readonly exit_code: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export const detachedSandboxes = (options: CliOptions = {}): DetachedSandboxes => {
  const prefix = options.prefix ?? newPrefix();
  const run = (...args: readonly string[]): Promise<CliEnd> => runCli(args, { ...options, prefix });
  return {
    prefix,
    run,
    json: async (...args) => JSON.parse((await run(...args, '--json')).stdout) as AnswerDocument,
    async [Symbol.asyncDispose]() {
      const { stdout } = await run('ps', '--all', '--json');
      const { data } = JSON.parse(stdout) as { data: { sandboxes: { name: string }[] } };
      for (const { name } of data.sandboxes) await run('rm', '--force', name);
    },
  };
};
