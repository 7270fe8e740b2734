/** `wasmrun completion`: a shell that completes wasmrun's words; and what it asks at each TAB. */
import { readFileSync } from 'node:fs';
import { packageFile } from '../../os/package-file.ts';
import type { Stream } from '../output.ts';
import { newArgument, newCommand, type Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ wasmrun completion bash     print the script; it says how to install it
  $ wasmrun completion fish > ~/.config/fish/completions/wasmrun.fish`;

/** Shells, each with a script in `completion`. */
const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** The command as commander sees it. */
export const completionCommand = ({ output }: Session) =>
  newCommand('completion')
    .summary('print a completion script for a shell')
    .description('Prints a script by which a shell completes the words of wasmrun')
    .addArgument(newArgument('<shell>', 'the shell that reads it').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell) => {
      const script = readFileSync(packageFile(`completion/wasmrun.${shell}`), 'utf8');
      output.result(script, { shell, script });
    });

/**
 * `wasmrun __complete -- WORD…`, for those scripts: a line that says which paths the shell should offer
 * (`none`, `files`, `directories`), then a line for each candidate: word, TAB, description.
 * @param stdout - as `--json` may be among the words, nothing is printed by the output that it chooses
 */
export const completeCommand = (stdout: Stream) =>
  newCommand('__complete')
    .argument('[words...]')
    .action(async (words, _options, command) => {
      const { complete } = await import('../completion/complete.ts');
      const { valuesOf } = await import('../completion/values.ts');
      const { paths, candidates } = await complete(command.parent!, words, valuesOf);
      const lines = candidates.map(({ word, description }) => `${word}\t${description}\n`);
      stdout.write(`${paths}\n${lines.join('')}`);
    });
