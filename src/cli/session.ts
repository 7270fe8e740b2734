/** What one call of the command carries from its arguments to its exit status. */
import { Argument as PlainArgument, Command as PlainCommand, Option as PlainOption } from 'commander';
import type { Argument, Command, Option } from '@commander-js/extra-typings';
import type { Output } from './output.ts';

export interface Session {
  readonly output: Output;
  readonly verbose: boolean;
  readonly json: boolean;
  /** What stands after `--`; absent without one. */
  readonly guestArguments: readonly string[] | undefined;
  /** Exit status, set by the command that ran. */
  status: number;
}

/** An empty command; the typings that know its options cost nothing at run time. */
export const newCommand = (name: string): Command => {
  const command = new PlainCommand(name);
  // What each of its commands takes, their own help says: here it would leave no room for what they do.
  command.configureHelp({ subcommandTerm: (child) => child.name() });
  // @commander-js/extra-typings types the very same class.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return command as unknown as Command;
};

/** An argument, for its choices; the typings as above. */
export const newArgument = <Usage extends string>(usage: Usage, description: string): Argument<Usage> =>
  new PlainArgument(usage, description);

/** Parser of a flag that may be repeated. */
export const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];

/** A flag, for its choices; the typings as above. */
export const newOption = <Flags extends string>(flags: Flags, description: string): Option<Flags> =>
  new PlainOption(flags, description);
