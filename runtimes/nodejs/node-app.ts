/** Everything that has to be known of an app before Node.js can start it in the sandbox. */
import { realpath } from 'node:fs/promises';
import { WasmrunError } from '../../src/errors.ts';
import { isWithin } from '../../src/runtime/app-directory.ts';
import type { App } from '../../src/runtime/runtime.ts';
import { findAppEntry, type AppEntry } from './app-entry.ts';
import { findMountRoots, type MountRoot } from './mount-roots.ts';
import { findPackageRoot } from './package-root.ts';
import { findRefusedPackages, refusalNotices } from './refused-packages.ts';

export interface NodeApp {
  /** Its paths are the guest's as well as the host's. */
  readonly entry: AppEntry;
  /** All arguments of the app: those of the start script, then the user's. */
  readonly args: readonly string[];
  readonly directories: readonly MountRoot[];
  /** What works differently from what the user may expect, a sentence each. */
  readonly notices: readonly string[];
}

/**
 * @throws {WasmrunError} as `findAppEntry` and `findMountRoots` do; `APP_NOT_RUNNABLE` for a file that the guest
 *   would not see
 */
export const describeNodeApp = async ({ directory: given, module, args }: App): Promise<NodeApp> => {
  // Node goes by real paths, and only they have the workspace above them.
  const directory = await realpath(given);
  const entry = await findAppEntry({ directory, module: module && (await realIfThere(module)) });
  const { root, mounts, notices } = await findMountRoots(directory);
  const file = await realpath(entry.file);
  if (!isWithin(file, root)) {
    throw new WasmrunError(
      'APP_NOT_RUNNABLE',
      `${file} lies outside of ${root}, which is all the app may see`,
      {
        hint: `name a file in ${root}, or give wasmrun os the path of ${file} itself`,
      },
    );
  }
  const packageRoot = findPackageRoot(directory) ?? directory;
  return {
    entry: { ...entry, file },
    args: [...entry.args, ...args],
    directories: mounts,
    notices: [...entry.flags.notices, ...notices, ...refusalNotices(findRefusedPackages(packageRoot, root))],
  };
};

const realIfThere = (path: string): Promise<string> => realpath(path).catch(() => path);
