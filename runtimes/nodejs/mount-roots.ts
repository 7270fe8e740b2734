/** Which directories the guest must see to find its files and what they `require`. */
import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { isWithin, refuseBroadDirectory } from '../../src/runtime/app-directory.ts';
import { findPackageRoot } from './package-root.ts';
import { findWorkspaceRoot } from './workspace.ts';

/** A directory that the guest sees at the path it has on the host, so that stack traces show the user's own paths. */
export interface MountRoot {
  readonly hostPath: string;
  readonly guestPath: string;
  readonly readOnly: true;
}

export interface MountRoots {
  /** The directory above everything: of the app, or of the workspace that it belongs to. */
  readonly root: string;
  readonly mounts: readonly MountRoot[];
  /** Links among the dependencies that cannot be followed. */
  readonly notices: readonly string[];
}

/**
 * The directory of the package that `directory` belongs to, or of the workspace that this package belongs to:
 * dependencies lie in its `node_modules`, and symbolic links that lead out of a mount are refused by the
 * kernel (openat2(2), RESOLVE_BENEATH).
 * @param directory - absolute, without symbolic links
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a home directory, `/`, and other directories that hold more
 *   than an app
 */
export const findMountRoots = async (directory: string): Promise<MountRoots> => {
  refuseBroadDirectory(directory);
  const packageRoot = findPackageRoot(directory) ?? directory;
  const root = (await findWorkspaceRoot(packageRoot)) ?? packageRoot;
  const places = [...new Set([packageRoot, root])].map((place) => join(place, 'node_modules'));
  return {
    root,
    mounts: [{ hostPath: root, guestPath: root, readOnly: true }],
    notices: [...places.flatMap((place) => linkNotices(place, root)), ...plugAndPlayNotices(root)],
  };
};

/** One sentence for each link of a `node_modules` that leads somewhere the guest cannot go. */
const linkNotices = (nodeModules: string, root: string): string[] =>
  topLevelLinks(nodeModules).flatMap(({ name, path }) => {
    const target = targetOf(path);
    if (target === undefined || (isWithin(target, root) && isFollowed(readlinkSync(path), root))) return [];
    const reason = isWithin(target, root)
      ? `is a link whose absolute path is not beneath ${root}, which cannot be followed in the sandbox`
      : `is a link to ${target}, outside of ${root}, which cannot be followed in the sandbox`;
    return [
      `${path} ${reason} (a copy can: npm install --install-links ${target}; ${name} is not found otherwise)`,
    ];
  });

/** The guest finds an absolute path only where it leads through the mount by its very names. */
const isFollowed = (target: string, root: string): boolean =>
  !isAbsolute(target) || isWithin(normalize(target), root);

/** Where a link leads in the end; undefined where there is nothing. */
const targetOf = (link: string): string | undefined => {
  try {
    return realpathSync(link);
  } catch {
    return undefined;
  }
};

/** The packages of a `node_modules` that are symbolic links, those in scopes included. */
const topLevelLinks = (nodeModules: string): { name: string; path: string }[] =>
  entriesOf(nodeModules).flatMap((entry) => {
    const path = join(nodeModules, entry.name);
    const scoped = entry.name.startsWith('@') && entry.isDirectory() ? entriesOf(path) : [];
    return [
      ...(entry.isSymbolicLink() ? [{ name: entry.name, path }] : []),
      ...scoped
        .filter((inner) => inner.isSymbolicLink())
        .map((inner) => ({ name: `${entry.name}/${inner.name}`, path: join(path, inner.name) })),
    ];
  });

const entriesOf = (directory: string) =>
  existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];

/** Yarn's Plug'n'Play keeps packages in archives that only a patched Node can read. */
const plugAndPlayNotices = (root: string): string[] =>
  existsSync(join(root, '.pnp.cjs')) && !existsSync(join(root, 'node_modules'))
    ? [
        `${root} keeps its dependencies in yarn's Plug'n'Play archives, which cannot be read in the sandbox (set nodeLinker: node-modules in .yarnrc.yml and run yarn install)`,
      ]
    : [];
