/**
 * Dependencies that cannot be loaded in the sandbox: native addons are machine code for a Node.js process.
 * They are looked for before the start, by the marks they carry, and told in a warning: an app may never load
 * them.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, basename } from 'node:path';
import { readPackageJson, type PackageJson } from './package-json.ts';
import { isWithin } from '../../src/runtime/app-directory.ts';
import { PURE_ALTERNATIVES } from './pure-alternatives.ts';

/** At about 0.1 ms each. An Express app has 70. */
const MOST_PACKAGES = 1000;

export interface RefusedPackages {
  /** Names of packages with a native addon, sorted. */
  readonly addons: readonly string[];
  /** Direct dependencies that are not installed, sorted. */
  readonly missing: readonly string[];
}

/** A dependency that is yet to be looked at. */
interface Wish {
  readonly name: string;
  readonly wantedBy: Wanting;
  /** Does somebody on the way do without it? */
  readonly isOptional: boolean;
}

interface Wanting {
  /** Undefined for the app itself. */
  readonly name?: string;
  /** Absolute path, without symbolic links. */
  readonly directory: string;
  readonly isOptional: boolean;
}

/**
 * Goes through the dependencies of a package, and theirs, as Node finds them from `node_modules` upward to
 * `root`. What is only optional is left out: whoever wants it goes on without it, unless it holds nothing but
 * the binary of one platform, which is then counted as the addon of the package that wants it.
 * @param packageRoot - absolute, without symbolic links, in `root`
 */
export const findRefusedPackages = (packageRoot: string, root: string): RefusedPackages => {
  const addons = new Set<string>();
  const missing = new Set<string>();
  const seen = new Set<string>();
  const description = lenientPackageJson(packageRoot);
  const wishes =
    description === undefined ? [] : wishesOf(description, { directory: packageRoot, isOptional: false });
  // The array grows while it is gone through: breadth first, so that direct dependencies never fall to the limit.
  for (const wish of wishes) {
    if (seen.size >= MOST_PACKAGES) break;
    const { name, wantedBy, isOptional } = wish;
    const directory = findPackage(name, wantedBy.directory, root);
    if (directory === undefined && wantedBy.name === undefined && !isOptional) missing.add(name);
    // What a link leads to outside is not there for the guest.
    if (directory === undefined || !isWithin(directory, root)) continue;
    // Once more for a package that so far was only optional.
    const visit = `${directory}\0${isOptional}`;
    if (seen.has(visit) || seen.has(`${directory}\0false`)) continue;
    seen.add(visit);
    const found = lenientPackageJson(directory);
    if (found === undefined) continue;
    const culprit = addonOwner(wish, found, directory);
    if (culprit !== undefined) addons.add(culprit);
    wishes.push(...wishesOf(found, { name, directory, isOptional }));
  }
  return { addons: [...addons].toSorted(), missing: [...missing].toSorted() };
};

/** One sentence for each kind of package that will not load. */
export const refusalNotices = ({ addons, missing }: RefusedPackages): string[] => {
  const named = addons.map((name) => {
    const alternative = PURE_ALTERNATIVES.get(name);
    return alternative === undefined ? name : `${name} (instead: ${alternative})`;
  });
  return [
    ...(named.length === 0
      ? []
      : [`native addons cannot be loaded in the sandbox; found among the dependencies: ${named.join(', ')}`]),
    ...(missing.length === 0
      ? []
      : [`dependencies that are not installed: ${missing.join(', ')} (npm install)`]),
  ];
};

const wishesOf = ({ dependencies, optionalDependencies }: PackageJson, wantedBy: Wanting): Wish[] => [
  ...dependencies.map((name) => ({ name, wantedBy, isOptional: wantedBy.isOptional })),
  ...optionalDependencies.map((name) => ({ name, wantedBy, isOptional: true })),
];

/** The package that cannot work because of this one; undefined where all can. */
const addonOwner = (
  { name, wantedBy, isOptional }: Wish,
  { namesAddon, isForOnePlatform }: PackageJson,
  directory: string,
): string | undefined => {
  if (!namesAddon && !MARKS.some((mark) => existsSync(join(directory, mark)))) return undefined;
  if (!isOptional) return name;
  return isForOnePlatform && !wantedBy.isOptional ? wantedBy.name : undefined;
};

/** What node-gyp builds from, and where prebuildify puts what it has built. */
const MARKS = ['binding.gyp', 'prebuilds'];

/** Node's own way to a package (nodejs.org/api/modules.html, "Loading from node_modules folders"). */
const findPackage = (name: string, from: string, root: string): string | undefined => {
  if (!isWithin(from, root)) return undefined;
  const candidate = join(from, 'node_modules', name);
  if (basename(from) !== 'node_modules' && existsSync(candidate)) return realpathSync.native(candidate);
  return from === root ? undefined : findPackage(name, dirname(from), root);
};

/** What is broken among the dependencies is for Node to complain about. */
const lenientPackageJson = (directory: string): PackageJson | undefined => {
  try {
    return readPackageJson(directory);
  } catch {
    return undefined;
  }
};
