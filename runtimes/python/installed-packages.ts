/**
 * What an installer wrote down of the packages it installed: a `NAME-VERSION.dist-info` beside each
 * (packaging.python.org, "Recording installed projects").
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface InstalledPackage {
  /** Normalised, see {@link normalName}. */
  readonly name: string;
  /** Names of the packages it needs, normalised; without those it only needs for some extra or platform. */
  readonly needs: readonly string[];
  /** What can be imported of it: names at the top. */
  readonly modules: readonly string[];
  /** A file of it that is compiled for Python, where there is one: relative to the directory. */
  readonly compiledFile?: string | undefined;
}

/** One name for `ruamel.yaml`, `ruamel-yaml` and `Ruamel_YAML` (packaging.python.org, "Names and normalization"). */
export const normalName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');

/** The name a requirement begins with (packaging.python.org, "Dependency specifiers"). */
const REQUIREMENT = /^\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)/;

/** The package that a requirement names; undefined for one that holds only under some condition, or names none. */
export const requiredName = (requirement: string): string | undefined => {
  if (requirement.includes(';')) return undefined;
  const [, name] = REQUIREMENT.exec(requirement) ?? [];
  return name === undefined ? undefined : normalName(name);
};

/** All packages of a directory. What is broken among them is for Python to complain about. */
export const installedPackages = (sitePackages: string): InstalledPackage[] =>
  readdirSync(sitePackages).flatMap((entry) => {
    const [, name] = /^(.+?)-[^-]+\.dist-info$/.exec(entry) ?? [];
    if (name === undefined) return [];
    const files = textOf(join(sitePackages, entry, 'RECORD'))
      .split('\n')
      .map((line) => line.split(',', 1)[0]!)
      .filter((file) => file !== '' && !file.startsWith('../') && !file.startsWith(entry));
    const [head = ''] = textOf(join(sitePackages, entry, 'METADATA')).split(/\r?\n\r?\n/, 1);
    return [
      {
        name: normalName(name),
        needs: [...head.matchAll(/^Requires-Dist:(.*)$/gim)].flatMap(
          ([, requirement]) => requiredName(requirement!) ?? [],
        ),
        modules: [...new Set(files.map((file) => file.split('/', 1)[0]!.replace(/\..*$/, '')))],
        compiledFile: files.find((file) => COMPILED.test(file)),
      },
    ];
  });

/** Extension modules on Linux and macOS (PEP 3149). */
const COMPILED = /\.so$/;

const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
