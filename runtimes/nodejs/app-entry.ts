/** From the directory of an app to the file that Node.js starts with. */
import { statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';
import type { NodeFlags } from './node-flags.ts';
import { readPackageJson, type PackageJson } from './package-json.ts';
import { findPackageRoot } from './package-root.ts';
import { parseStartScript } from './start-script.ts';

export interface AppEntry {
  /** Absolute path of the file. */
  readonly file: string;
  /** Absolute path of the guest's working directory. */
  readonly workingDirectory: string;
  /** Arguments that the start script gives, to stand before the user's own. */
  readonly args: readonly string[];
  readonly flags: NodeFlags;
  /** Variables that the start script sets; the user's own settings beat them. */
  readonly variables: Readonly<Record<string, string>>;
  /** What named the file, e.g. `start script of package.json`. */
  readonly reason: string;
}

const NO_FLAGS: NodeFlags = { execArgv: [], options: {}, envFiles: [], notices: [] };

/** What Node runs; `.mts` and `.cts` by leaving the types out. */
const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'] as const;
const USUAL_NAMES = ['server', 'app', 'index'] as const;
/** What `npm init` writes whether there is such a file or not. */
const MAIN_OF_NPM_INIT = 'index.js';

/** The names looked for where nothing names a file, in order. */
export const USUAL_ENTRIES: readonly string[] = USUAL_NAMES.flatMap((name) =>
  EXTENSIONS.map((extension) => `${name}${extension}`),
);

/**
 * Finds what to start: the file that was named, else what `scripts.start`, else `main` of `package.json`
 * names, else a file with a usual name.
 * @param app - absolute paths: its directory, and the file where one was named
 * @throws {WasmrunError} `APP_NOT_FOUND` where the named file is not there, `APP_NOT_RUNNABLE` where nothing
 *   can be started or only a shell or another program could
 */
export const findAppEntry = async (app: {
  readonly directory: string;
  readonly module?: string | undefined;
}): Promise<AppEntry> => {
  const { directory, module } = app;
  if (module !== undefined) return namedEntry(directory, module);
  const description = readPackageJson(directory);
  if (description?.start !== undefined) return await scriptEntry(directory, description.start);
  const plain = (file: string, reason: string): AppEntry => ({
    file,
    workingDirectory: directory,
    args: [],
    flags: NO_FLAGS,
    variables: {},
    reason,
  });
  const main = mainFile(directory, description);
  if (main !== undefined) return plain(main, 'main of package.json');
  const usual = USUAL_ENTRIES.find((name) => isFile(join(directory, name)));
  if (usual !== undefined) return plain(join(directory, usual), usual);
  throw new WasmrunError(
    'APP_NOT_RUNNABLE',
    `${directory} does not say what Node.js is to start: no start script and no main in package.json, no server.js, app.js or index.js`,
    {
      hint: 'give wasmrun os the path of the file, or add "scripts": { "start": "node server.js" } to package.json',
    },
  );
};

const namedEntry = (directory: string, module: string): AppEntry => {
  if (!isFile(module)) {
    throw new WasmrunError('APP_NOT_FOUND', `${module} is not a file`, {
      hint: `name one that Node.js runs: ${EXTENSIONS.join(', ')}`,
    });
  }
  if (module.endsWith('.wasm') || module.endsWith('.node')) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${module} is not JavaScript`, {
      hint: 'leave --language and [app] language out, or name the file that Node.js is to start',
    });
  }
  return {
    file: module,
    workingDirectory: findPackageRoot(directory) ?? directory,
    args: [],
    flags: NO_FLAGS,
    variables: {},
    reason: relative(directory, module),
  };
};

const scriptEntry = async (directory: string, script: string): Promise<AppEntry> => {
  const { file, args, flags, variables } = await parseStartScript(script);
  const found = resolveFile(resolve(directory, file));
  if (found === undefined) {
    throw new WasmrunError(
      'APP_NOT_RUNNABLE',
      `the start script "${script}" of package.json names ${file}, which is not there`,
      { hint: 'build it first, or let wasmrun do it with [build] command in .wasmrun.toml' },
    );
  }
  return {
    file: found,
    workingDirectory: directory,
    args,
    flags,
    variables,
    reason: 'start script of package.json',
  };
};

/** The file of `main`, where there is one; nothing where `npm init` wrote it and nobody made it true. */
const mainFile = (directory: string, description: PackageJson | undefined): string | undefined => {
  const main = description?.main;
  if (main === undefined) return undefined;
  const found = resolveFile(resolve(directory, main));
  if (found !== undefined || main === MAIN_OF_NPM_INIT) return found;
  throw new WasmrunError(
    'APP_NOT_RUNNABLE',
    `${join(directory, 'package.json')} names ${main} as main, which is not there`,
    { hint: 'build it first, or let wasmrun do it with [build] command in .wasmrun.toml' },
  );
};

/** A path as `node PATH` takes it: a file, one without its extension, or a directory with a `main` or index. */
const resolveFile = (path: string): string | undefined => {
  if (isFile(path)) return path;
  if (isFile(`${path}.js`)) return `${path}.js`;
  const main = readPackageJson(path)?.main;
  const candidates = [
    ...(main === undefined ? [] : [main, `${main}.js`, join(main, 'index.js')]),
    'index.js',
  ];
  return candidates.map((candidate) => resolve(path, candidate)).find(isFile);
};

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
