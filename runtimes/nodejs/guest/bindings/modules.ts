/** `internalBinding('modules')`: `package.json` files (node_modules.cc), and a cache of compiled code nobody fills. */
import type { Binding } from '../binding-shape.ts';
import { shapedBinding } from '../binding-shape.ts';
import { host } from '../host.ts';
import type { PackageConfig } from '../host.ts';

/** Position of the type in a {@link PackageConfig}. */
const TYPE = 2;

const invalidPackage = (file: string, base?: string, specifier?: string): Error => {
  const where =
    base === undefined ? '' : ` while importing "${specifier}" from ${base.replace(/^file:\/\//, '')}`;
  return Object.assign(new Error(`Invalid package config ${file}${where}.`), {
    code: 'ERR_INVALID_PACKAGE_CONFIG',
  });
};

/** The engine answers with the path of what is no `package.json`. */
const valid = (found: PackageConfig | string | undefined): PackageConfig | undefined => {
  if (typeof found === 'string') throw invalidPackage(found);
  return found;
};

const scopeOf = (url: string): PackageConfig | string => {
  const found = host.packageScope(url);
  if (typeof found === 'string') throw invalidPackage(found);
  return found.length === 1 ? found[0] : found;
};

const isFile = (url: string): boolean => url.startsWith('file:');

/** Those that were found stay as they were, as in Node. */
const packages = new Map<string, PackageConfig>();

const readPackageJSON = (
  file: string,
  isEsm?: boolean,
  base?: string,
  specifier?: string,
): PackageConfig | undefined => {
  const known = packages.get(file);
  if (known !== undefined) return known;
  const found = host.readPackage(file);
  if (typeof found === 'string') throw invalidPackage(found, isEsm === true ? base : undefined, specifier);
  if (found !== undefined) packages.set(file, found);
  return found;
};

export const createModules = (): Binding => {
  const { compileCacheStatus, cachedCodeTypes, moduleFormats } = shapedBinding('modules');
  const DISABLED = (compileCacheStatus as string[]).indexOf('DISABLED');
  return {
    compileCacheStatus,
    cachedCodeTypes,
    moduleFormats,
    readPackageJSON,
    getNearestParentPackageJSON: (start: string) => valid(host.nearestPackage(start)),
    getNearestParentPackageJSONType: (start: string) => valid(host.nearestPackage(start))?.[TYPE],
    getPackageScopeConfig: scopeOf,
    getPackageType: (url: string) => {
      if (!isFile(url)) return undefined;
      const scope = scopeOf(url);
      return typeof scope === 'string' ? undefined : scope[TYPE];
    },
    enableCompileCache: () => [DISABLED],
    getCompileCacheDir: () => undefined,
    flushCompileCache: () => undefined,
    getCompileCacheEntry: () => undefined,
    saveCompileCacheEntry: () => undefined,
  };
};
