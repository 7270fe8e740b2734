/** The parts of a `package.json` that decide how an app is run. Fields of a wrong type count as absent, as for npm. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';

export interface PackageJson {
  readonly name?: string;
  readonly main?: string;
  /** `scripts.start` */
  readonly start?: string;
  /** Patterns of npm's and yarn's `workspaces`; undefined where there is no such field. */
  readonly workspaces?: readonly string[];
  /** Names of `dependencies`, without those that are optional. */
  readonly dependencies: readonly string[];
  readonly optionalDependencies: readonly string[];
  /** Is it made for some processors or systems only? So are packages that hold nothing but a binary. */
  readonly isForOnePlatform: boolean;
  /** Does it name a native addon, or the means to build or fetch one? */
  readonly namesAddon: boolean;
}

/**
 * The `package.json` in `directory`; undefined where there is none.
 * @throws {WasmrunError} `APP_NOT_RUNNABLE` for one that cannot be read
 */
export const readPackageJson = (directory: string): PackageJson | undefined => {
  const path = join(directory, 'package.json');
  try {
    // A pipe of that name would be waited for.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    return parsePackageJson(readFileSync(path, 'utf8'));
  } catch (error) {
    // A SyntaxError quotes the file, which may be a link to anything.
    const isSyntax = error instanceof SyntaxError;
    const reason = isSyntax ? 'is not a JSON object' : `cannot be read: ${String(error)}`;
    throw new WasmrunError('APP_NOT_RUNNABLE', `${path} ${reason}`, {
      hint: isSyntax ? 'npm pkg fix, or an editor, shows where it is broken' : 'make it readable',
      cause: isSyntax ? undefined : error,
    });
  }
};

/** @throws {SyntaxError} where the text is not a JSON object */
export const parsePackageJson = (text: string): PackageJson => {
  // npm leaves out the byte order mark that some editors write.
  const parsed: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  if (!isRecord(parsed)) throw new SyntaxError('not an object');
  const { name, main, scripts, workspaces, dependencies, optionalDependencies } = parsed;
  const optional = Object.keys(recordOf(optionalDependencies));
  const patterns = isRecord(workspaces) ? workspaces['packages'] : workspaces;
  const start = recordOf(scripts)['start'];
  return {
    ...(typeof name === 'string' && { name }),
    ...(typeof main === 'string' && { main }),
    ...(typeof start === 'string' && { start }),
    ...(Array.isArray(patterns) && { workspaces: patterns.filter((item) => typeof item === 'string') }),
    dependencies: Object.keys(recordOf(dependencies)).filter((dependency) => !optional.includes(dependency)),
    optionalDependencies: optional,
    isForOnePlatform: Array.isArray(parsed['cpu']) || Array.isArray(parsed['os']),
    namesAddon: namesAddon(parsed),
  };
};

/** npm: `gypfile`; node-pre-gyp and prebuild-install: `binary`; others lead to a `.node` file themselves. */
const namesAddon = ({ gypfile, binary, main, exports }: Readonly<Record<string, unknown>>): boolean =>
  gypfile === true ||
  isRecord(binary) ||
  (typeof main === 'string' && main.endsWith('.node')) ||
  (isRecord(exports) && JSON.stringify(exports).includes('.node"'));

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const recordOf = (value: unknown): Readonly<Record<string, unknown>> => (isRecord(value) ? value : {});
