/** What one call of the command carries from its arguments to its exit status. */
import { Command as PlainCommand } from 'commander';
import type { Command } from '@commander-js/extra-typings';
import { WasmrunError } from '../errors.ts';
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
  // @commander-js/extra-typings types the very same class.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return new PlainCommand(name) as unknown as Command;
};

/** Parser of a flag that may be repeated. */
export const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];

/** Parser of a flag that has one of some values. */
export const oneOf =
  <Value extends string>(values: readonly Value[]) =>
  (text: string): Value => {
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw new WasmrunError('USAGE', `"${text}" is not one of ${values.join(', ')}`);
  };
