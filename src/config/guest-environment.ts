/** The guest's environment variables: `env` and `env_file` of every layer, merged name by name. */
import { readFile } from 'node:fs/promises';
import { WasmrunError } from '../errors.ts';
import type { Layer } from './layers.ts';

export interface Variable {
  readonly value: string;
  readonly origin: () => string;
}

/**
 * Merges the variables of all layers, highest layer first. Within a layer a variable given directly
 * beats one of a file, and a later file beats an earlier one.
 * @throws {WasmrunError} `ENV_FILE_INVALID`
 */
export const mergeEnvironment = async (layers: readonly Layer[]): Promise<Map<string, Variable>> => {
  const merged = new Map<string, Variable>();
  for (const layer of layers.toReversed()) {
    for (const variable of [...(await fileVariables(layer)), ...directVariables(layer)])
      merged.set(...variable);
  }
  return merged;
};

const directVariables = (layer: Layer): [string, Variable][] => {
  const entry = layer.get('app.env');
  if (entry === undefined) return [];
  return [...entry.value].map(([name, value]) => [name, { value, origin: () => entry.origin(name) }]);
};

const fileVariables = async (layer: Layer): Promise<[string, Variable][]> => {
  const entry = layer.get('app.env_file');
  if (entry === undefined || entry.value.length === 0) return [];
  const perFile = await Promise.all(
    entry.value.map(async (file, index) => {
      try {
        return await readEnvironmentFile(file);
      } catch (error) {
        if (error instanceof WasmrunError) return entry.fail(error, index);
        throw error;
      }
    }),
  );
  return perFile.flat().map(([name, value]) => [name, { value, origin: () => entry.origin() }]);
};

/**
 * Reads a file of `NAME=value` lines, as Node's own `--env-file` does.
 * @throws {WasmrunError} `ENV_FILE_INVALID`
 */
const readEnvironmentFile = async (file: string): Promise<[string, string][]> => {
  const invalid = (reason: string, hint: string, cause?: unknown) =>
    new WasmrunError('ENV_FILE_INVALID', `cannot use the environment file ${file}: ${reason}`, {
      hint,
      cause,
    });
  const source = await readFile(file, 'utf8').catch((error: unknown) => {
    throw invalid(error instanceof Error ? error.message : String(error), 'name a readable file', error);
  });
  if (source.includes('\0')) throw invalid('it contains NUL characters', 'name a text file');
  const { parseEnv } = await import('node:util');
  const variables = Object.entries(parseEnv(source)).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  const odd = variables.map(([name]) => name).find((name) => /\s/.test(name));
  if (odd !== undefined) throw invalid(`"${odd}" is not a name`, 'write one NAME=value on each line');
  return variables;
};
