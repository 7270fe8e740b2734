/** From a path on the command line to a program that can be started. */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, relative, resolve } from 'node:path';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BuildOptions } from './build.ts';
import { detectRuntimes, findRuntime, type Detection } from './registry.ts';
import type { GuestProgram, PostgresSettings, Runtime } from './runtime.ts';

/** The part of the settings that decides what is run. */
export interface AppOptions {
  /** Absolute path of the configuration file; the build runs in its directory. */
  readonly configFile?: string | undefined;
  readonly app: {
    readonly name?: string | undefined;
    readonly language?: string | undefined;
    /** Absolute path. */
    readonly module?: string | undefined;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    /** Absolute paths. */
    readonly sitePackages?: readonly string[];
    readonly memory?: number | undefined;
  };
  readonly postgres?: PostgresSettings;
  readonly build: {
    readonly command?: string | readonly string[] | undefined;
    /** Absolute path. */
    readonly output?: string | undefined;
  };
}

export interface ResolvedApp {
  /** Absolute path. */
  readonly directory: string;
  /** Name for the sandbox: a valid one. */
  readonly name: string;
  /** Was the name chosen by the user? A derived name may be changed where it is taken. */
  readonly nameIsExplicit: boolean;
  /** Name of the runtime. */
  readonly runtime: string;
  readonly program: GuestProgram;
}

/** Where an app is: a directory, and the file in it where a file was named. */
export interface AppLocation {
  /** Absolute path. */
  readonly directory: string;
  /** Absolute path. */
  readonly file?: string;
}

/**
 * Finds the file or directory a path names.
 * @throws {WasmrunError} `APP_NOT_FOUND`, `APP_NOT_RUNNABLE` for devices, sockets and the like
 */
export const locateApp = async (path: string): Promise<AppLocation> => {
  const absolute = resolve(path);
  const stats = await stat(absolute).catch(async (error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    const meant = missing && (await isFile(`${absolute}.wasm`));
    throw new WasmrunError(
      'APP_NOT_FOUND',
      missing ? `${path} does not exist` : `${path} cannot be read: ${error.message}`,
      { hint: meant ? `did you mean ${path}.wasm?` : APP_FORMS, cause: error },
    );
  });
  if (stats.isDirectory()) return { directory: absolute };
  if (stats.isFile()) return { directory: dirname(absolute), file: absolute };
  throw new WasmrunError('APP_NOT_RUNNABLE', `${path} is neither a file nor a directory`, {
    hint: APP_FORMS,
  });
};

const APP_FORMS = 'give the path of a .wasm file or of an app directory';

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );

export interface ResolveOptions {
  /** `no`: the build is left out. `later`: the module may not be there yet, for it is only looked. Default: `now`. */
  readonly build?: 'now' | 'no' | 'later';
  /** Ends the build. */
  readonly signal?: AbortSignal;
}

/**
 * Builds the app where a build is configured, chooses its runtime and makes it ready.
 * @throws {WasmrunError} `APP_NOT_FOUND`, `APP_AMBIGUOUS`, `APP_NOT_RUNNABLE`, `RUNTIME_UNAVAILABLE`,
 *   `MODULE_INVALID` or `BUILD_FAILED`
 */
export const resolveApp = async (
  path: string,
  options: AppOptions,
  runtimes: readonly Runtime[],
  log: Log,
  { build = 'now', signal }: ResolveOptions = {},
): Promise<ResolvedApp> => {
  const { directory, file } = await locateApp(path);
  const willBuild = build === 'later' && file === undefined && options.build.command !== undefined;
  const module =
    file ??
    (willBuild
      ? (options.app.module ?? options.build.output)
      : await configuredModule(
          directory,
          build === 'no' ? withoutBuild(options) : options,
          { log, signal },
          async (name) => (await runtimeByName({ directory, module: name, options, runtimes })) !== undefined,
        ));
  const { runtime, reason } = await chooseRuntime(path, { directory, module, options, runtimes });
  log.detail(`runtime ${runtime.name}: ${reason}`);
  const isYetToBuild = willBuild && module !== undefined && !(await isFile(module));
  const program = isYetToBuild
    ? { modulePath: module, args: [basename(module), ...options.app.args] }
    : await runtime.prepare({
        directory,
        module,
        args: options.app.args,
        ...(options.app.env && { env: options.app.env }),
        ...(options.app.sitePackages && { sitePackages: options.app.sitePackages }),
        ...(options.postgres && { postgres: options.postgres }),
        memory: options.app.memory,
        reason,
      });
  return {
    directory,
    name: options.app.name ?? deriveName(file ?? directory),
    nameIsExplicit: options.app.name !== undefined,
    runtime: runtime.name,
    program,
  };
};

const withoutBuild = (options: AppOptions): AppOptions => ({
  ...options,
  build: { output: options.build.output },
});

/** The module that the configuration names, built if it says how. */
const configuredModule = async (
  directory: string,
  { app, build, configFile }: AppOptions,
  how: BuildOptions,
  isRunByName: (module: string) => Promise<boolean>,
): Promise<string | undefined> => {
  if (build.command !== undefined) {
    const { runBuild } = await import('./build.ts');
    await runBuild(build.command, configFile === undefined ? directory : dirname(configFile), how);
  }
  const module = app.module ?? build.output;
  if (module === undefined || (await isFile(module))) return module;
  if (await isRunByName(module)) return module;
  if (build.command !== undefined) {
    throw new WasmrunError('BUILD_FAILED', `the build succeeded but ${module} is not there`, {
      hint: 'correct [build] output, or the command that should make it',
    });
  }
  const key = app.module === undefined ? '[build] output' : '[app] module';
  throw new WasmrunError('APP_NOT_FOUND', `${module}, named by ${key}, is not there`, {
    hint: 'build it first, or let wasmrun do it with [build] command',
  });
};

interface Choice {
  readonly directory: string;
  readonly module: string | undefined;
  readonly options: AppOptions;
  readonly runtimes: readonly Runtime[];
}

/** The runtime that runs a module by its name, which is no file's. */
const runtimeByName = async ({
  directory,
  module,
  options,
  runtimes,
}: Choice): Promise<Runtime | undefined> => {
  if (module === undefined) return undefined;
  const { language } = options.app;
  const candidates =
    language === undefined
      ? (await detectRuntimes(directory, runtimes)).map(({ runtime }) => runtime)
      : [findRuntime(language, runtimes)];
  const name = relative(directory, module);
  return candidates.find((runtime) => runtime.runsModule?.(directory, name, language !== undefined));
};

const chooseRuntime = async (path: string, given: Choice): Promise<Detection> => {
  const { directory, module, options, runtimes } = given;
  const { language } = options.app;
  if (language !== undefined)
    return { runtime: findRuntime(language, runtimes), reason: `language "${language}"` };
  if (module !== undefined) {
    const name = basename(module);
    // What nobody knows by its name may be a module all the same: the first of the list looks into it.
    const byName = (await isFile(module)) ? undefined : await runtimeByName(given);
    const runtime = byName ?? runtimes.find((each) => each.runsFile(name)) ?? runtimes[0];
    if (runtime !== undefined) return { runtime, reason: name };
  }

  const [only, ...others] = await detectRuntimes(directory, runtimes);
  if (only === undefined) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${path} holds no app that wasmrun recognises`, {
      hint: 'give it a .wasm file or a directory with a package.json, or name a file with [app] module in .wasmrun.toml',
    });
  }
  if (others.length === 0) return only;
  const found = [only, ...others];
  throw new WasmrunError(
    'APP_AMBIGUOUS',
    `${path} can be run in ${found.length} ways: ${found.map(({ runtime, reason }) => `${runtime.name} (${reason})`).join(', ')}`,
    {
      hint: `choose one with ${found.map(({ runtime }) => `--language ${runtime.name}`).join(' or ')}, or with [app] language`,
    },
  );
};

/** Longest name of a sandbox. */
const NAME_LENGTH = 32;

/** A sandbox name from the path of a module or directory: lower case, hyphens for all else. */
export const deriveName = (path: string): string => {
  const base = extname(path) === '.wasm' ? basename(path, '.wasm') : basename(path);
  const name = base
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, NAME_LENGTH)
    .replace(/-+$/, '');
  return name === '' ? 'app' : name;
};
