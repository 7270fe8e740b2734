/**
 * Reads `scripts.start` of a `package.json`. npm gives it to a shell; there is none in the sandbox, so it must
 * be one plain command that starts one file: `NODE_ENV=production node --enable-source-maps server.js 3000`.
 */
import { basename } from 'node:path';
import type { Command, Node as Syntax, ParsedScript, Word } from 'unbash';
import { WasmrunError } from '../../src/errors.ts';
import { joinFlags, takeNodeFlags, type NodeFlags } from './node-flags.ts';

export interface StartCommand {
  /** Environment variables that the script sets. */
  readonly variables: Readonly<Record<string, string>>;
  readonly flags: NodeFlags;
  /** As it was written: relative to the directory of `package.json`, perhaps a directory, perhaps without `.js`. */
  readonly file: string;
  readonly args: readonly string[];
}

const NAME_THE_FILE =
  'name the file that starts the app: give its path to wasmrun os, or set [app] module in .wasmrun.toml';

const refused = (script: string, reason: string, hint = NAME_THE_FILE) =>
  new WasmrunError('APP_NOT_RUNNABLE', `the start script "${script}" of package.json ${reason}`, { hint });

/** Programs in front of another one that change nothing but its environment, or where it is found. */
const WRAPPERS: ReadonlySet<string> = new Set(['cross-env', 'env', 'exec', 'npx']);
const NPX_FLAGS: ReadonlySet<string> = new Set(['-y', '--yes', '--no', '--no-install']);

/** Programs that run a file as Node does. TypeScript needs none of them here. */
const RUNNERS: ReadonlySet<string> = new Set(['node', 'nodejs', 'ts-node', 'ts-node-esm', 'tsx']);

/** Flags of tsx and ts-node that are about speed or about checking types, neither of which happens here. */
const RUNNER_FLAGS: ReadonlySet<string> = new Set([
  '--clear-screen=false',
  '--esm',
  '--files',
  '--no-cache',
  '--swc',
  '--transpile-only',
  '--transpileOnly',
  '-T',
]);

/** What to do about programs that are often found in start scripts. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'nodemon',
    'wasmrun os … --watch starts an app again when its files change; name the file that nodemon starts',
  ],
  ['npm', 'name the file that the script started by npm runs in the end'],
  ['pm2', 'wasmrun is the process manager here: name the file that pm2 starts'],
]);

/**
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for what only a shell, or another program than Node, could run
 */
export const parseStartScript = async (script: string): Promise<StartCommand> => {
  const { parse } = await import('unbash');
  const { assignments, words } = plainCommand(script, parse(script));
  const variables: Record<string, string> = Object.fromEntries(assignments);
  const [program = '', ...rest] = unwrap(words, variables);
  const runner = basename(program);
  if (!RUNNERS.has(runner)) {
    throw refused(
      script,
      `runs ${program === '' ? 'nothing' : program}, not a file of Node.js`,
      ADVICE.get(runner),
    );
  }
  const isNode = runner === 'node' || runner === 'nodejs';
  const { flags, rest: operands } = takeNodeFlags(isNode ? rest : withoutRunnerFlags(rest));
  const [file = '', ...args] = operands;
  if (file === '' || file === '-') throw refused(script, 'names no file for node to run');
  return { variables, flags: joinFlags(nodeOptions(script, variables), flags), file, args };
};

/** Flags of `NODE_OPTIONS`, which node takes as if they stood in front of its own. */
const nodeOptions = (script: string, variables: Readonly<Record<string, string>>): NodeFlags => {
  const text = variables['NODE_OPTIONS'] ?? '';
  const { flags, rest } = takeNodeFlags(text.split(' ').filter((word) => word !== ''));
  if (rest.length > 0 || /["\\]/.test(text))
    throw refused(script, 'has more than plain flags in NODE_OPTIONS');
  return flags;
};

/** Flags of tsx and ts-node that change nothing here, and the subcommand of tsx that watches. */
const withoutRunnerFlags = (words: readonly string[]): string[] => {
  const [first, ...others] = words;
  const given = first === 'watch' ? ['--watch', ...others] : words;
  const file = given.findIndex((word) => !word.startsWith('-'));
  return given.filter((word, index) => index >= file || !RUNNER_FLAGS.has(word));
};

/** Takes off `cross-env NAME=value`, `exec` and the like, and notes the variables. */
const unwrap = (words: readonly string[], variables: Record<string, string>): readonly string[] => {
  const [program = '', ...rest] = words;
  const wrapper = basename(program);
  if (!WRAPPERS.has(wrapper)) return words;
  if (wrapper === 'exec') return unwrap(rest, variables);
  if (wrapper === 'npx')
    return unwrap(
      dropWhile(rest, (word) => NPX_FLAGS.has(word)),
      variables,
    );
  return unwrap(
    dropWhile(rest, (word) => {
      const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/s.exec(word) ?? [];
      if (name === undefined) return false;
      variables[name] = value;
      return true;
    }),
    variables,
  );
};

const dropWhile = (words: readonly string[], isDropped: (word: string) => boolean): readonly string[] => {
  const end = words.findIndex((word) => !isDropped(word));
  return end < 0 ? [] : words.slice(end);
};

interface PlainCommand {
  readonly assignments: readonly (readonly [string, string])[];
  readonly words: readonly string[];
}

/** The words of a script that is one command and needs nothing of a shell but its quotes. */
const plainCommand = (script: string, { commands, errors }: ParsedScript): PlainCommand => {
  if (errors !== undefined && errors.length > 0) throw refused(script, 'is not a complete shell command');
  const [statement, ...others] = commands;
  if (statement === undefined) throw refused(script, 'is empty');
  const { command } = statement;
  if (others.length > 0 || command.type !== 'Command') throw severalCommands(script, command);
  if (statement.background === true) throw refused(script, 'leaves its command running in the background');
  if (command.redirects.length > 0 || statement.redirects.length > 0) {
    throw refused(script, 'redirects its input or output, which needs a shell');
  }
  const literal = (word: Word): string => {
    if (isLiteral(word)) return word.value;
    throw refused(script, `has ${word.text} filled in by a shell, and there is none in the sandbox`);
  };
  return {
    assignments: command.prefix.map(({ text, name, value, append, index, array }) => {
      if (name === undefined || append === true || index !== undefined || array !== undefined) {
        throw refused(script, `has ${text} filled in by a shell, and there is none in the sandbox`);
      }
      return [name, value === undefined ? '' : literal(value)];
    }),
    words: [command.name, ...command.suffix].flatMap((word) => (word === undefined ? [] : [literal(word)])),
  };
};

/** `npm run build && node dist/server.js` is common enough for advice of its own. */
const severalCommands = (script: string, syntax: Syntax): WasmrunError => {
  const reason = 'needs a shell: it is more than one plain command';
  if (syntax.type !== 'AndOr' || syntax.operators.some((operator) => operator !== '&&'))
    return refused(script, reason);
  const [build, last, ...others] = syntax.commands;
  const file = last?.type === 'Command' && others.length === 0 ? startedFile(last) : undefined;
  if (build === undefined || file === undefined) return refused(script, reason);
  const command = script.slice(build.pos, build.end);
  return refused(
    script,
    reason,
    `in .wasmrun.toml, set [build] command = ${JSON.stringify(command)} and [app] module = ${JSON.stringify(file)}`,
  );
};

const startedFile = ({ name, suffix }: Command): string | undefined =>
  name?.value === 'node' ? suffix.find((word) => !word.value.startsWith('-'))?.value : undefined;

/** Outside of quotes a shell may make something else of these: expansions, patterns, operators (sh(1p)). */
const SPECIAL = /[~*?[()<>;&|$`]/;

/** Does a shell leave the word as it is, but for its quotes? */
const isLiteral = ({ text, parts }: Word): boolean => {
  if (parts === undefined) return !SPECIAL.test(text);
  return parts.every((part) => {
    if (part.type === 'SingleQuoted') return true;
    if (part.type === 'DoubleQuoted') return part.parts.every(({ type }) => type === 'Literal');
    return part.type === 'Literal' && !SPECIAL.test(part.text);
  });
};
