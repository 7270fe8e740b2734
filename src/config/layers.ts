/**
 * Settings come in layers: flags, environment, file, defaults. Each layer is read and checked as a
 * whole, then the highest one that has a setting wins.
 */
import { WasmrunError } from '../errors.ts';
import { FIELD_NAMES, FIELDS, type Field, type FieldName, type FieldValue } from './fields.ts';
import type { ReadContext } from './readers.ts';
import type { TomlPath } from './toml-position.ts';

/** A value and where it was written. */
export interface Entry<Value> {
  readonly value: Value;
  /** `flag --forward`, `environment WASMRUN_BIND`, `./.wasmrun.toml:4:1` or `default`; of a part of it with `at`. */
  origin(...at: TomlPath): string;
  /** Throws a problem found later, said of the place this value was written in. */
  readonly fail: ReadContext['fail'];
}

/** Some of the settings, each with its origin. */
export class Layer {
  readonly #entries: ReadonlyMap<FieldName, Entry<unknown>>;

  constructor(entries: Iterable<readonly [FieldName, Entry<unknown>]>) {
    this.#entries = new Map(entries);
  }

  get<Name extends FieldName>(name: Name): Entry<FieldValue<Name>> | undefined {
    // Every row of the table reads its own type; a map cannot say so.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.#entries.get(name) as Entry<FieldValue<Name>> | undefined;
  }

  /** The settings this layer has, in the order of the table. */
  *[Symbol.iterator](): Generator<readonly [FieldName, Entry<unknown>]> {
    for (const name of FIELD_NAMES) {
      const entry = this.#entries.get(name);
      if (entry !== undefined) yield [name, entry];
    }
  }
}

/** Collects a layer from what `read` returns for each setting. */
const collectLayer = (read: (field: Field<unknown>) => Entry<unknown> | undefined): Layer =>
  new Layer(
    FIELD_NAMES.flatMap((name) => {
      const entry = read(FIELDS[name]);
      return entry === undefined ? [] : [[name, entry] as const];
    }),
  );

/** What was given on the command line, by flag (`--forward`); every occurrence of it. */
export type Flags = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Where texts were given: relative paths start in `directory`. */
export interface Surroundings {
  /** Absolute path of the working directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const textEntry = (
  field: Field<unknown>,
  texts: readonly string[],
  origin: string,
  surroundings: Surroundings,
): Entry<unknown> => {
  const fail = (problem: WasmrunError): never => {
    // Types are never wrong in texts, so the generic code is a wrong use of the command line.
    const code = problem.code === 'CONFIG_INVALID' ? 'USAGE' : problem.code;
    throw new WasmrunError(code, `${origin}: ${problem.message}`, {
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      cause: problem,
    });
  };
  return { value: field.reader.fromTexts(texts, { ...surroundings, fail }), origin: () => origin, fail };
};

/** What a flag is called in errors: as it was typed. */
const describeTyped = (flag: string): string => (flag === '--' ? 'arguments after --' : `flag ${flag}`);

/**
 * Settings of the command line.
 * @param describe - what a flag is called where it was not typed
 * @throws {WasmrunError} naming the flag
 */
export const flagLayer = (flags: Flags, surroundings: Surroundings, describe = describeTyped): Layer =>
  collectLayer((field) => {
    const { flag } = field;
    const given = flag === undefined ? undefined : flags[flag];
    if (flag === undefined || given === undefined || given.length === 0) return undefined;
    return textEntry(field, typeof given === 'string' ? [given] : given, describe(flag), surroundings);
  });

/**
 * Settings of `WASMRUN_*` variables; lists are separated by commas, an empty variable counts as unset.
 * @throws {WasmrunError} naming the variable
 */
export const environmentLayer = (surroundings: Surroundings): Layer =>
  collectLayer((field) => {
    const { variable } = field;
    const content = variable === undefined ? undefined : surroundings.environment[variable];
    if (content === undefined || content.trim() === '') return undefined;
    const texts = field.reader.isList ? content.split(',').map((item) => item.trim()) : [content];
    return textEntry(field, texts, `environment ${variable}`, surroundings);
  });

const failAsIs = (problem: WasmrunError): never => {
  throw problem;
};

/** What holds when nothing is set. */
export const defaultLayer = (): Layer =>
  collectLayer(({ fallback }) => {
    if (fallback === undefined) return undefined;
    return { value: fallback, origin: () => 'default', fail: failAsIs };
  });

/** For every setting the entry of the first layer that has it; lists replace each other as a whole. */
export const mergeLayers = (layers: readonly Layer[]): Layer =>
  new Layer(layers.toReversed().flatMap((layer) => [...layer]));
