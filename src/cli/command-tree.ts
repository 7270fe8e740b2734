/** The command line as a tree, for whatever treats all its commands alike. */
import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** A command and all below it, each before its own; hidden ones as well. */
export const commandTree = (command: CommandUnknownOpts): CommandUnknownOpts[] => [
  command,
  ...command.commands.flatMap(commandTree),
];

/** The same without hidden ones: what is there to be read about. */
export const visibleTree = (command: CommandUnknownOpts): CommandUnknownOpts[] => {
  const visible = new Set(command.createHelp().visibleCommands(command));
  return [command, ...command.commands.filter((child) => visible.has(child)).flatMap(visibleTree)];
};

/** The words that call it: `wasmrun config show`. */
export const commandPath = (command: CommandUnknownOpts): string =>
  command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;
