/**
 * What can stand where the cursor is: found by walking commander's tree of commands, so that a new command
 * or option needs nothing here.
 */
import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** One way to go on. */
export interface Candidate {
  /** The whole word, with what has been typed of it. */
  readonly word: string;
  /** One line, which may be empty. */
  readonly description: string;
}

/** Something the shell itself knows best how to complete. */
export type Paths = 'none' | 'files' | 'directories';

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Paths that can stand there too. */
  readonly paths: Paths;
}

/** A place for a value: an option's or an argument. */
export interface Place {
  /** As the help shows it, without brackets: `file` of `--module <file>`. */
  readonly placeholder: string;
  /** `--module`; absent for an argument. */
  readonly option?: string;
  /** Where commander knows all there are. */
  readonly choices?: readonly string[];
}

/** What values there are for a place. */
export type Values = (place: Place) => Promise<Completion>;

const NOTHING: Completion = { candidates: [], paths: 'none' };

/**
 * @param words - what stands after the name of the program, up to the cursor; the last one, which may be
 *   empty, is to be completed
 */
export const complete = async (
  program: CommandUnknownOpts,
  words: readonly string[],
  values: Values,
): Promise<Completion> => {
  const typed = words.at(-1) ?? '';
  const found = await possible(walk(program, words.slice(0, -1)), typed, values);
  return { ...found, candidates: found.candidates.filter(({ word }) => word.startsWith(typed)) };
};

/** Where the words before the cursor lead. */
interface Position {
  readonly command: CommandUnknownOpts;
  /** How many arguments of the command there are already. */
  readonly args: number;
  /** The option whose value comes next. */
  readonly awaiting: OptionShape | undefined;
  /** After `--`, where nothing is an option. */
  readonly isPlain: boolean;
}

/** What is needed of commander's Option. */
interface OptionShape {
  readonly flags: string;
  readonly long?: string | undefined;
  readonly short?: string | undefined;
  readonly required: boolean;
  readonly optional: boolean;
  readonly argChoices?: readonly string[] | undefined;
}

const walk = (program: CommandUnknownOpts, words: readonly string[]): Position => {
  let position: Position = { command: program, args: 0, awaiting: undefined, isPlain: false };
  for (const word of words) position = step(position, word);
  return position;
};

const step = (position: Position, word: string): Position => {
  const { command, args, awaiting, isPlain } = position;
  if (awaiting !== undefined) return { ...position, awaiting: undefined };
  if (isPlain) return { ...position, args: args + 1 };
  if (word === '--') return { ...position, isPlain: true };
  if (word.startsWith('-')) {
    const option = optionsOf(command).find(({ long, short }) => word === long || word === short);
    return { ...position, awaiting: option?.required === true ? option : undefined };
  }
  const child = args === 0 ? command.commands.find((one) => one.name() === word) : undefined;
  return child === undefined ? { ...position, args: args + 1 } : { ...position, command: child };
};

const possible = async (position: Position, typed: string, values: Values): Promise<Completion> => {
  const { command, args, awaiting, isPlain } = position;
  if (awaiting !== undefined) return await values(placeOf(awaiting));
  if (!isPlain && typed.startsWith('-')) return await optionWords(command, typed, values);
  const isGroup = command.commands.length > 0;
  // The second word of `wasmrun help …` is one of the same list.
  if (isGroup && !isPlain) return { candidates: args < 2 ? commandWords(command) : [], paths: 'none' };
  const argument = command.registeredArguments[args] ?? lastIfVariadic(command);
  if (argument !== undefined) {
    const choices = argument.argChoices;
    return await values({ placeholder: argument.name(), ...(choices !== undefined && { choices }) });
  }
  // What an app is given is its own.
  return isPlain ? { candidates: [], paths: 'files' } : NOTHING;
};

const lastIfVariadic = (command: CommandUnknownOpts) => {
  const last = command.registeredArguments.at(-1);
  return last?.variadic === true ? last : undefined;
};

const commandWords = (command: CommandUnknownOpts): Candidate[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ word: child.name(), description: firstLine(child.summary() || child.description()) }));

/** Options, or the values of the one that is typed in front of a `=`. */
const optionWords = async (
  command: CommandUnknownOpts,
  typed: string,
  values: Values,
): Promise<Completion> => {
  const equals = typed.indexOf('=');
  const options = optionsOf(command);
  if (equals < 0) {
    return {
      candidates: options.map((option) => ({
        word: option.long ?? option.short ?? '',
        description: firstLine(option.description),
      })),
      paths: 'none',
    };
  }
  const name = typed.slice(0, equals);
  const option = options.find(({ long, required, optional }) => long === name && (required || optional));
  if (option === undefined) return NOTHING;
  const { candidates, paths } = await values(placeOf(option));
  return { candidates: candidates.map((one) => ({ ...one, word: `${name}=${one.word}` })), paths };
};

const optionsOf = (command: CommandUnknownOpts) => command.createHelp().visibleOptions(command);

const placeOf = ({ flags, long, argChoices }: OptionShape): Place => ({
  placeholder: /[<[](.*)[\]>]$/.exec(flags)?.[1] ?? '',
  ...(long !== undefined && { option: long }),
  ...(argChoices !== undefined && { choices: argChoices }),
});

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
