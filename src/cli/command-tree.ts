/** The command line as a tree, for whatever treats all its commands alike. */
import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** A command and all below it, each before its own; hidden ones as well. */
export const commandTree = (command: CommandUnknownOpts): CommandUnknownOpts[] => [
  command,
  ...command.commands.flatMap(commandTree),
];

/** The words that call it: `wasmrun config show`. */
export const commandPath = (command: CommandUnknownOpts): string =>
  command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
