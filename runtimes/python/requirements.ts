/** What an app says it needs: in `requirements.txt`, in `pyproject.toml`, and in the imports of its first file. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { WasmrunError } from '../../src/errors.ts';
import { importedNames } from './imported-modules.ts';
import { normalName, requiredName } from './installed-packages.ts';

/**
 * Normalised names of packages, those that are always needed.
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a `pyproject.toml` that is none
 */
export const statedRequirements = (directory: string): string[] => [
  ...new Set([...ofRequirementsFile(directory), ...ofProjectFile(directory)]),
];

const ofRequirementsFile = (directory: string): string[] => {
  const file = join(directory, 'requirements.txt');
  if (!existsSync(file)) return [];
  return (
    readFileSync(file, 'utf8')
      .split(/\r?\n/)
      .map((line) => line.replace(/(^|\s)#.*$/, ''))
      // Options, and addresses to install from, which name no package at their beginning.
      .filter((line) => !/^\s*(?:-|[\w+]+:|\.{0,2}\/)/.test(line))
      .flatMap((line) => requiredName(line) ?? [])
  );
};

/** The parts of `pyproject.toml` that name dependencies: the standard's, and Poetry's from before it. */
interface ProjectFile {
  readonly project?: { readonly dependencies?: readonly string[] };
  readonly tool?: { readonly poetry?: { readonly dependencies?: Readonly<Record<string, unknown>> } };
}

const ofProjectFile = (directory: string): string[] => {
  const file = join(directory, 'pyproject.toml');
  if (!existsSync(file)) return [];
  const { project, tool } = readProjectFile(file);
  const stated = Array.isArray(project?.dependencies) ? project.dependencies : [];
  const poetry = Object.keys(tool?.poetry?.dependencies ?? {}).filter((name) => name !== 'python');
  return [
    ...stated.flatMap((requirement: unknown) =>
      typeof requirement === 'string' ? (requiredName(requirement) ?? []) : [],
    ),
    ...poetry.map(normalName),
  ];
};

const readProjectFile = (file: string): ProjectFile => {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${file} cannot be read: ${String(error)}`, {
      hint: 'correct it, or name the file to run and take pyproject.toml away',
      cause: error,
    });
  }
};

/** Names of the modules at the top that a source imports whenever it is run. */
export const importedModules = (source: string): string[] => [
  ...new Set(importedNames(source).map((name) => name.split('.', 1)[0]!)),
];
