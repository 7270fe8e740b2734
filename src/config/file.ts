/**
 * Reads `.wasmrun.toml`. Whatever is wrong with it is said with file, line, column, the line itself
 * and the fix.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { WasmrunError } from '../errors.ts';
import { FIELD_NAMES, FIELDS, isFieldName, splitFieldName, type Field, type FieldName } from './fields.ts';
import { Layer, type Entry, type Surroundings } from './layers.ts';
import { isTable, TypeProblem } from './readers.ts';
import { excerpt } from './source-excerpt.ts';
import { closest } from './suggestion.ts';
import { locateToml, type TomlPath, type TomlPosition } from './toml-position.ts';

/**
 * The settings a file holds.
 * @param appDirectory what the file was found for; a file above it must belong to someone trusted
 * @throws {WasmrunError} `CONFIG_INVALID` or `CONFIG_UNREADABLE`
 */
export const fileLayer = async (
  file: string,
  appDirectory: string,
  surroundings: Surroundings,
): Promise<Layer> => {
  await refuseForeignFile(file, appDirectory, surroundings);
  return new ConfigFile(file, await readSource(file), surroundings).read();
};

const unreadable = (file: string, reason: string, hint: string, cause?: unknown) =>
  new WasmrunError('CONFIG_UNREADABLE', `cannot use ${file}: ${reason}`, { hint, cause });

/**
 * A file in a directory above the app may be someone else's (think of /tmp), and it can name a
 * command to run: it must belong to the caller, to root, or to the owner of the app.
 */
const refuseForeignFile = async (
  file: string,
  appDirectory: string,
  { environment }: Surroundings,
): Promise<void> => {
  if (dirname(file) === appDirectory) return;
  const [{ uid }, app] = await Promise.all([stat(file), stat(appDirectory)]);
  const trusted = [0, process.geteuid?.(), Number(environment['SUDO_UID'] ?? Number.NaN), app.uid];
  if (trusted.includes(uid)) return;
  throw unreadable(
    file,
    `it belongs to another user (uid ${uid})`,
    `put a .wasmrun.toml into ${appDirectory}`,
  );
};

const readSource = async (file: string): Promise<string> => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const isEncoding = error instanceof TypeError;
    const reason = isEncoding
      ? 'it is not UTF-8 text'
      : error instanceof Error
        ? error.message
        : String(error);
    throw unreadable(
      file,
      reason,
      isEncoding ? 'save it as UTF-8' : 'make it a readable file, or remove it',
      error,
    );
  }
};

const SYNTAX_HINT = 'texts need quotes, lists need [brackets] and commas; see .wasmrun.toml.example';

class ConfigFile {
  readonly #source: string;
  /** The file as messages name it. */
  readonly #shown: string;
  readonly #surroundings: Surroundings;
  /** Built at the first question: most runs of a valid file never ask for a position. */
  #locate: ((path: TomlPath) => TomlPosition | undefined) | undefined;

  constructor(file: string, source: string, surroundings: Surroundings) {
    const fromHere = relative(surroundings.directory, file);
    this.#shown = fromHere.startsWith('..') ? file : `./${fromHere}`;
    this.#source = source;
    this.#surroundings = { ...surroundings, directory: dirname(file) };
  }

  read(): Layer {
    const entries: [FieldName, Entry<unknown>][] = [];
    for (const [section, table] of Object.entries(this.#parse())) {
      if (!SECTIONS.has(section)) this.#failAtKey(unknownSection(section), [section]);
      this.#readSection([section], table, entries);
    }
    return new Layer(entries);
  }

  #readSection(path: readonly string[], table: unknown, entries: [FieldName, Entry<unknown>][]): void {
    const section = path.join('.');
    if (!isTable(table)) return this.#failAtKey(notATable(section, table), path);
    for (const [key, value] of Object.entries(table)) {
      const name = `${section}.${key}`;
      if (isFieldName(name)) entries.push([name, this.#entry(name, value, [...path, key])]);
      else if (SECTIONS.has(name)) this.#readSection([...path, key], value, entries);
      else this.#failAtKey(unknownKey(section, key), [...path, key]);
    }
  }

  #parse() {
    try {
      return parse(this.#source);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [sentence = ''] = error.message.replace('Invalid TOML document: ', '').split('\n');
      const { line, column } = error;
      throw this.#problem(new WasmrunError('CONFIG_INVALID', sentence, { hint: SYNTAX_HINT }), {
        line,
        column,
        length: 1,
      });
    }
  }

  #entry(name: FieldName, value: unknown, path: TomlPath): Entry<unknown> {
    const { reader, example, isSecret = false }: Field<unknown> = FIELDS[name];
    const { key } = splitFieldName(name);
    const fail = (problem: WasmrunError, ...at: TomlPath): never => {
      if (!(problem instanceof TypeProblem)) return this.#failAtValue(problem, [...path, ...at], isSecret);
      const said = at.length === 0 ? key : `every entry of ${key}`;
      return this.#failAtValue(
        new WasmrunError('CONFIG_INVALID', `${said} ${problem.message}`, {
          hint: `write ${key} = ${example}`,
        }),
        [...path, ...at],
        isSecret,
      );
    };
    return {
      value: reader.fromToml(value, { ...this.#surroundings, fail }),
      origin: (...at) => this.#origin([...path, ...at]),
      fail,
    };
  }

  /** Position of a part of the document, or of the closest thing around it that is written there. */
  #position(path: TomlPath): TomlPosition | undefined {
    this.#locate ??= locateToml(this.#source);
    if (path.length === 0) return undefined;
    return this.#locate(path) ?? this.#position(path.slice(0, -1));
  }

  #origin(path: TomlPath): string {
    const { key, value } = this.#position(path) ?? {};
    const { line, column } = spanOf(key ?? value);
    return `${this.#shown}:${line}:${column}`;
  }

  #failAtKey(problem: WasmrunError, path: TomlPath): never {
    const { key, value } = this.#position(path) ?? {};
    throw this.#problem(problem, spanOf(key ?? value));
  }

  #failAtValue(problem: WasmrunError, path: TomlPath, isSecret: boolean): never {
    const { key, value } = this.#position(path) ?? {};
    throw this.#problem(problem, spanOf(value ?? key), isSecret);
  }

  #problem(
    problem: WasmrunError,
    span: { line: number; column: number; length: number },
    isSecret = false,
  ): WasmrunError {
    const place = `${this.#shown}:${span.line}:${span.column}`;
    const shown = isSecret ? '' : `\n${excerpt(this.#source, span)}`;
    return new WasmrunError('CONFIG_INVALID', `${place}: ${problem.message}${shown}`, {
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      cause: problem,
    });
  }
}

const spanOf = (span = { start: 0, end: 0, line: 1, column: 1 }) => ({
  line: span.line,
  column: span.column,
  length: span.end - span.start,
});

const SECTIONS: ReadonlyMap<string, readonly FieldName[]> = Map.groupBy(
  FIELD_NAMES,
  (name) => splitFieldName(name).section,
);

const keysOf = (section: string): string[] =>
  (SECTIONS.get(section) ?? []).map((name) => splitFieldName(name).key);

const unknownSection = (section: string): WasmrunError => {
  const home = [...SECTIONS.keys()].find((candidate) => keysOf(candidate).includes(section));
  const meant = closest(section, SECTIONS.keys());
  const known = [...SECTIONS.keys()].map((name) => `[${name}]`).join(', ');
  if (home !== undefined) {
    return new WasmrunError('CONFIG_INVALID', `"${section}" stands outside its table`, {
      hint: `put it below a line [${home}]`,
    });
  }
  return new WasmrunError('CONFIG_INVALID', `there is no table [${section}]`, {
    hint: meant === undefined ? `the tables are ${known}` : `did you mean [${meant}]?`,
  });
};

const unknownKey = (section: string, key: string): WasmrunError => {
  const meant = closest(key, keysOf(section));
  const elsewhere = [...SECTIONS.keys()].find((candidate) => keysOf(candidate).includes(key));
  const hint =
    elsewhere !== undefined
      ? `it belongs below [${elsewhere}]`
      : meant !== undefined
        ? `did you mean ${meant}?`
        : `[${section}] knows ${keysOf(section).join(', ')}`;
  return new WasmrunError('CONFIG_INVALID', `unknown key "${key}" in [${section}]`, { hint });
};

const notATable = (section: string, value: unknown): WasmrunError =>
  new WasmrunError('CONFIG_INVALID', `${section} ${new TypeProblem('a table', value).message}`, {
    hint: `write a line [${section}] and its keys below it`,
  });
