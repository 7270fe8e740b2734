/** What an app is started with: what the runtime has found out, and what the user gave the sandbox. */
import type { EngineServices } from '../../../src/engine/driver.ts';
import { addEnvFiles } from '../env-files.ts';
import { honouredFlags } from '../node-flags.ts';
import type { EnvFile } from '../node-flags.ts';

/** From runtimes/nodejs/index.ts to the driver. */
export interface NodeOptions {
  /** Absolute path of the file to run, as the guest sees it. */
  readonly entry: string;
  /** Absolute path the app starts in. */
  readonly workingDirectory: string;
  /** Flags of node that were given, for `process.execArgv`. */
  readonly execArgv: readonly string[];
  /** Options of node by their long names. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Files of variables, in the order of the command line. */
  readonly envFiles: readonly EnvFile[];
  /** Absolute path of the snapshot of a guest in which the library stands. */
  readonly snapshot?: string;
  /** Bytes the app may use; absent for the default. */
  readonly memory?: number;
}

/** As guest/launch.ts reads it. */
export interface Launch {
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly cwd: string;
  /** Bytes the app may use. */
  readonly memory: number;
}

/** The one port that forwards lead to is what the app is to listen on, unless it was told otherwise. */
const portOf = ({ ports }: EngineServices): Record<string, string> =>
  new Set(ports).size === 1 ? { PORT: String(ports[0]) } : {};

/**
 * @param read - reads what the app itself may read
 * @throws {WasmrunError} `ENV_FILE_INVALID`
 */
export const launchOf = (
  { entry, workingDirectory, execArgv, options, envFiles, memory }: NodeOptions & { readonly memory: number },
  services: EngineServices,
  read: (path: string) => string | undefined,
): Launch => {
  const given = addEnvFiles({ ...portOf(services), ...services.env }, envFiles, { workingDirectory, read });
  const { NODE_OPTIONS: variable = '', ...env } = given;
  return {
    argv: ['node', entry, ...services.args.slice(1)],
    execArgv,
    options: { ...honouredFlags(variable).options, ...options },
    env: variable === '' ? env : given,
    cwd: workingDirectory,
    memory,
  };
};
