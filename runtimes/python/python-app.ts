/** Everything that has to be known of an app before Python can start it in the sandbox. */
import { readFileSync, realpathSync } from 'node:fs';
import { WasmrunError } from '../../src/errors.ts';
import { isWithin, refuseBroadDirectory } from '../../src/runtime/app-directory.ts';
import type { App, ProgramDirectory } from '../../src/runtime/runtime.ts';
import { entryDirectory, findAppEntry } from './app-entry.ts';
import type { AppEntry } from './app-entry.ts';
import { ALTERNATIVES, findCompiledPackages } from './compiled-packages.ts';
import type { CompiledPackage } from './compiled-packages.ts';
import { installedPackages } from './installed-packages.ts';
import { importedModules, statedRequirements } from './requirements.ts';
import type { SnapshotConditions } from './engine/snapshot-description.ts';
import { findSitePackages } from './site-packages.ts';

/** From the runtime to its driver. */
export interface PythonOptions {
  /** Absolute path of what the interpreter's memory holds at first. */
  readonly initialMemory: string;
  /** Absolute path of the app's snapshot, which may not be there yet. */
  readonly snapshot?: string;
  /** Where packages are found, absolute; behind what the user names in `PYTHONPATH`. */
  readonly sitePackages: readonly string[];
  readonly conditions: Omit<SnapshotConditions, 'environment'>;
}

export interface PythonApp {
  readonly entry: AppEntry;
  /** Absolute, without symbolic links; the guest sees it at the same place. */
  readonly directory: string;
  /** Where packages are found, absolute. */
  readonly sitePackages: readonly string[];
  readonly directories: readonly ProgramDirectory[];
  /** What works differently from what the user may expect, a sentence each. */
  readonly notices: readonly string[];
}

/**
 * @param active - VIRTUAL_ENV of the user's shell
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` where there is nothing to start, for a directory that is more than an app, for
 *   an app that needs a package which cannot be loaded
 */
export const describePythonApp = (app: App, active: string | undefined): PythonApp => {
  const directory = realpathSync(app.directory);
  const module = app.module === undefined ? undefined : realIfThere(app.module);
  const entry = findAppEntry({ directory, module, env: app.env ?? {} });
  refuseBroadDirectory(directory);
  if (entry.file !== undefined && !isWithin(realpathSync(entry.file), directory)) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${entry.file} lies outside of ${directory}`, {
      hint: `name a file in ${directory}, or give wasmrun os the path of ${entry.file} itself`,
    });
  }
  const site = findSitePackages(entryDirectory(entry, directory), { named: app.sitePackages ?? [], active });
  const missing = checkPackages(directory, entry, site.directories);
  const outside = site.directories.filter((path) => !isWithin(path, directory));
  return {
    entry,
    directory,
    sitePackages: site.directories,
    directories: [directory, ...outside].map((path) => ({ hostPath: path, guestPath: path, readOnly: true })),
    notices: [...site.notices, ...missing],
  };
};

const realIfThere = (path: string): string => {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
};

/** Refuses what cannot be loaded; returns a sentence about what is not there. */
const checkPackages = (directory: string, { file }: AppEntry, sitePackages: readonly string[]): string[] => {
  const installed = sitePackages.flatMap(installedPackages);
  const stated = statedRequirements(directory);
  const imported = file === undefined ? [] : importedModules(readFileSync(file, 'utf8'));
  const wanted = [
    ...stated,
    ...installed
      .filter(({ modules }) => modules.some((name) => imported.includes(name)))
      .map(({ name }) => name),
  ];
  const compiled = findCompiledPackages(wanted, installed);
  if (compiled.length > 0) throw refusal(compiled);
  const names = new Set(installed.map(({ name }) => name));
  const missing = stated.filter((name) => !names.has(name));
  return missing.length === 0
    ? []
    : [
        `requirements that are not installed: ${missing.join(', ')} (pip install --target ${directory}/site-packages ${missing.join(' ')})`,
      ];
};

const refusal = (compiled: readonly CompiledPackage[]): WasmrunError => {
  const named = compiled.map(({ name, file, through }) => {
    const way = through.length === 1 ? '' : `, needed by ${through.slice(0, -1).join(' → ')}`;
    return `${name} (${file}${way})`;
  });
  const alternatives = compiled.flatMap(({ name }) => {
    const alternative = ALTERNATIVES.get(name);
    return alternative === undefined ? [] : [`${alternative} instead of ${name}`];
  });
  return new WasmrunError(
    'APP_NOT_RUNNABLE',
    `the app needs packages that are compiled for the Python of this machine: ${named.join(', ')}`,
    {
      hint:
        alternatives.length === 0
          ? 'only packages in Python alone can be loaded in a sandbox: look for one that does the same'
          : `in a sandbox there is ${alternatives.join('; ')}`,
    },
  );
};
