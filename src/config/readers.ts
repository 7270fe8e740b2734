/**
 * How the values of settings are read: from TOML, where they have types, and from command-line flags
 * and environment variables, where all is text.
 */
import { WasmrunError } from '../errors.ts';
import type { TomlPath } from './toml-position.ts';

/** What a reader knows about the place a value was written in. */
export interface ReadContext {
  /** Absolute directory that relative paths start from. */
  readonly directory: string;
  /** The caller's environment, for variables that are passed through. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Throws `problem`, said of this value or the part of it that `at` leads to. */
  fail(problem: WasmrunError, ...at: TomlPath): never;
}

export interface Reader<Value> {
  fromToml(value: unknown, context: ReadContext): Value;
  /** Every occurrence of the flag, or the environment variable cut at its commas. */
  fromTexts(texts: readonly string[], context: ReadContext): Value;
  /** May the text hold several values, separated by commas? */
  readonly isList: boolean;
  /** All texts there are, where they are few. */
  readonly choices?: readonly string[];
}

/** Reads one text; throws a `WasmrunError` that says what is wrong with it. */
export type TextParser<Value> = (text: string, context: ReadContext) => Value;

/** A TOML table, not one of the other values that are objects. */
export const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const describe = (value: unknown): string => {
  if (typeof value === 'string') return 'a string';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a number';
  if (typeof value === 'boolean') return 'a boolean';
  if (Array.isArray(value)) return 'a list';
  return value instanceof Date ? 'a date' : 'a table';
};

/** A value of the wrong type; the hint comes from the setting (it knows an example). */
export class TypeProblem extends WasmrunError {
  constructor(expected: string, value: unknown) {
    super('CONFIG_INVALID', `must be ${expected}, not ${describe(value)}`);
  }
}

const readText = <Value>(
  parse: TextParser<Value>,
  text: unknown,
  context: ReadContext,
  at: TomlPath = [],
): Value => {
  if (typeof text !== 'string') return context.fail(new TypeProblem('a string', text), ...at);
  try {
    if (text.includes('\0')) throw new WasmrunError('USAGE', 'it contains a NUL character');
    return parse(text, context);
  } catch (error) {
    if (error instanceof WasmrunError) return context.fail(error, ...at);
    throw error;
  }
};

/** One text; of a flag given several times the last counts. */
export const text = <Value>(
  parse: TextParser<Value> & { readonly choices?: readonly string[] },
): Reader<Value> => ({
  isList: false,
  ...(parse.choices !== undefined && { choices: parse.choices }),
  fromToml: (value, context) => readText(parse, value, context),
  fromTexts: (texts, context) => readText(parse, texts.at(-1), context),
});

/** A list of texts. */
export const list = <Value>(parse: TextParser<Value>): Reader<readonly Value[]> => ({
  isList: true,
  fromToml: (value, context) => {
    if (!Array.isArray(value)) return context.fail(new TypeProblem('a list of strings', value));
    return value.map((item: unknown, index) => readText(parse, item, context, [index]));
  },
  fromTexts: (texts, context) => texts.map((item, index) => readText(parse, item, context, [index])),
});

/** A list of texts, or a single one without the brackets. */
export const listOrOne = <Value>(parse: TextParser<Value>): Reader<readonly Value[]> => {
  const expected = 'a string or a list of strings';
  const many = list(parse);
  return {
    ...many,
    fromToml: (value, context) => {
      if (Array.isArray(value)) return many.fromToml(value, context);
      if (typeof value !== 'string') return context.fail(new TypeProblem(expected, value));
      return [readText(parse, value, context)];
    },
  };
};

/** Like {@link listOrOne}, but an empty list is refused. */
export const oneOrMore = <Value>(parse: TextParser<Value>): Reader<readonly Value[]> => {
  const any = listOrOne(parse);
  return {
    ...any,
    fromToml: (value, context) => {
      const found = any.fromToml(value, context);
      if (found.length > 0) return found;
      return context.fail(
        new WasmrunError('USAGE', 'the list is empty', {
          hint: 'name at least one, or leave the setting out',
        }),
      );
    },
  };
};

/** A whole number within bounds. */
export const integer = (minimum: number, maximum: number): Reader<number> => {
  const check = (value: unknown, context: ReadContext): number => {
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      return context.fail(new TypeProblem('an integer', value));
    }
    if (value >= minimum && value <= maximum) return value;
    return context.fail(
      new WasmrunError('USAGE', `${value} is outside ${minimum}–${maximum}`, {
        hint: `choose a number from ${minimum} to ${maximum}`,
      }),
    );
  };
  return {
    isList: false,
    fromToml: check,
    fromTexts: (texts, context) =>
      check(/^\d+$/.test(texts.at(-1) ?? '') ? Number(texts.at(-1)) : texts.at(-1), context),
  };
};

/** Yes or no. */
export const boolean: Reader<boolean> = {
  isList: false,
  fromToml: (value, context) =>
    typeof value === 'boolean' ? value : context.fail(new TypeProblem('true or false', value)),
  fromTexts: (texts, context) => {
    const last = texts.at(-1);
    if (last === 'true' || last === 'false') return last === 'true';
    return context.fail(new TypeProblem('true or false', last));
  },
};

/** Environment variables: a table of strings; as flags `NAME=VALUE`, or `NAME` to pass the caller's through. */
export const variables: Reader<ReadonlyMap<string, string>> = {
  isList: true,
  fromToml: (value, context) => {
    if (!isTable(value)) return context.fail(new TypeProblem('a table of strings', value));
    const entries = Object.entries(value);
    return new Map(
      entries.map(([name, item]) => [
        readText(variableName, name, context, [name]),
        readText((content) => content, item, context, [name]),
      ]),
    );
  },
  fromTexts: (texts, context) => {
    const found = new Map<string, string>();
    texts.forEach((item, index) => {
      const equals = item.indexOf('=');
      const name = readText(variableName, equals < 0 ? item : item.slice(0, equals), context, [index]);
      const value = equals < 0 ? context.environment[name] : item.slice(equals + 1);
      if (value !== undefined)
        found.set(
          name,
          readText((content) => content, value, context, [index]),
        );
    });
    return found;
  },
};

const variableName: TextParser<string> = (name) => {
  if (name !== '' && !/[=\s]/.test(name)) return name;
  throw new WasmrunError('USAGE', `"${name}" is not the name of an environment variable`, {
    hint: 'write NAME=VALUE, or NAME alone to pass on its present value',
  });
};

/** What a shell would interpret; there is none. */
const SHELL_SYNTAX = /["'`|;&<>$]/;

/** A command and its arguments: a list, or a string that is later cut at its spaces (never by a shell). */
export const command: Reader<string | readonly string[]> = {
  isList: false,
  fromToml: (value, context) => {
    if (typeof value === 'string') return readText(plainCommand, value, context);
    const parts = listOrOne((part) => part).fromToml(value, context);
    if (parts[0] === undefined || parts[0].trim() === '') return context.fail(noProgram());
    return parts;
  },
  fromTexts: (texts, context) => readText(plainCommand, texts.at(-1), context),
};

const noProgram = () =>
  new WasmrunError('USAGE', 'it names no program', { hint: 'write the program and its arguments' });

const plainCommand: TextParser<string> = (line) => {
  if (line.trim() === '') throw noProgram();
  const [character] = SHELL_SYNTAX.exec(line) ?? [];
  if (character === undefined) return line;
  throw new WasmrunError('USAGE', `the command contains ${character}, but no shell reads it`, {
    hint: 'write it as a list, such as ["clang", "-o", "app.wasm", "app.c"], or call a shell: ["sh", "-c", "…"]',
  });
};
