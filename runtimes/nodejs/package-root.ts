/** Which directory above a file is the app's own. */
import { ancestors } from '../../src/runtime/app-directory.ts';
import { readPackageJson, type PackageJson } from './package-json.ts';

/**
 * The directory of the package that `directory` belongs to: the nearest one, at or above it, whose
 * `package.json` describes a package. Undefined where there is none below what nobody mounts as a whole.
 * @param directory - absolute, without symbolic links
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for a `package.json` that cannot be read
 */
export const findPackageRoot = (directory: string): string | undefined =>
  ancestors(directory).find((candidate) => isPackage(readPackageJson(candidate)));

/** A `package.json` with nothing but `type` in it only says how the files beside it are to be read. */
const isPackage = (found: PackageJson | undefined): boolean =>
  found !== undefined &&
  (found.name !== undefined ||
    found.start !== undefined ||
    found.main !== undefined ||
    found.workspaces !== undefined ||
    found.dependencies.length > 0);
