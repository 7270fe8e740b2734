/** The tree of commands without a process around it, to be read: nothing of it is run. */
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { createOutput } from '../src/cli/output.ts';
import { createProgram } from '../src/cli/program.ts';

const nowhere = { write: () => true };

export const newProgram = (): CommandUnknownOpts => {
  const streams = { stdout: nowhere, stderr: nowhere };
  const output = createOutput({ json: false, verbose: false, ...streams });
  return createProgram(
    { output, json: false, verbose: false, guestArguments: undefined, status: 0 },
    streams,
  );
};

/** What a command prints with `--help` on a terminal this wide. */
export const helpOf = (command: CommandUnknownOpts, columns: number): string => {
  let text = '';
  command
    .configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => columns })
    .outputHelp();
  return text;
};

/** The part of the help that stands below usage, options and commands. */
export const helpAfter = (command: CommandUnknownOpts): string => {
  const columns = 80;
  const text = helpOf(command, columns);
  return text.slice(command.helpInformation().length);
};
