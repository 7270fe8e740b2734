/** Turns whatever was thrown into an error for people and an exit status. */
import { existsSync } from 'node:fs';
import type { CommanderError } from 'commander';
import { WasmrunError } from '../errors.ts';

export const isCommanderError = (error: unknown): error is CommanderError =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');

/** Has commander printed the help or version that was asked for? */
export const isAnswered = (error: CommanderError): boolean => error.exitCode === 0;

/** Has commander printed the help because the command line names nothing to do? */
export const isBareCall = (error: CommanderError): boolean => error.code === 'commander.help';

/** The error to show for anything that was thrown. */
export const toWasmrunError = (error: unknown): WasmrunError => {
  if (error instanceof WasmrunError) return error;
  if (isCommanderError(error)) return usageError(error);
  const message = error instanceof Error ? error.message : String(error);
  return new WasmrunError('INTERNAL', `unexpected failure: ${message}`, {
    hint: 'this is a bug in wasmrun: please report it with what the same command prints under --verbose',
    cause: error,
  });
};

/** Commander's message is `error: sentence`, sometimes with `(Did you mean …?)` on a second line. */
const usageError = (error: CommanderError): WasmrunError => {
  const [sentence = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  return new WasmrunError('USAGE', sentence, {
    hint: usageHint(error.code, sentence, suggestion),
    cause: error,
  });
};

const usageHint = (code: string, sentence: string, suggestion: string | undefined): string => {
  const [, word = ''] = /'([^']*)'/.exec(sentence) ?? [];
  if (code === 'commander.unknownCommand' && existsSync(word))
    return `to run an app write: wasmrun os ${word}`;
  if (suggestion !== undefined) return suggestion.replace(/^\(D(.*)\)$/, 'd$1');
  if (code === 'commander.excessArguments') return 'arguments for the app itself go after --';
  return 'wasmrun --help and wasmrun os --help show what can be written';
};
