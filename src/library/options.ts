/** What the library's `Sandbox.start` is asked for, and how that becomes the settings' topmost layer. */
import { resolve } from 'node:path';
import type { GivenBy } from '../app-settings.ts';
import type { Flags } from '../config/layers.ts';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OutboundMode } from '../network/egress.ts';
import { checkPrefix } from '../network/names.ts';
import type { IsolationName } from '../network/names.ts';
import type { TransportName } from '../network/transport.ts';

/**
 * Options of {@link Sandbox.start}. Those that are settings are named after their keys in `.wasmrun.toml` and written
 * as there; they beat `WASMRUN_*` variables of this process, which beat the app's own `.wasmrun.toml`. Relative paths
 * start in this process's working directory.
 */
export interface SandboxOptions {
  /** Path of the app: its directory, or the single file it consists of. */
  readonly app: string;
  /** Forwards, as `wasmrun os --forward` has them: `8080:3000`, `3000` for any free host port, `5353:53/udp`. */
  readonly forwards?: readonly string[] | undefined;
  /** Name of the sandbox; absent: derived from the app, with a number where that is taken. */
  readonly name?: string | undefined;
  /** Runtime to use instead of the detected one: `wasm`, `nodejs` or `python`. */
  readonly language?: string | undefined;
  /** File of the app to run, relative to the app's directory. */
  readonly module?: string | undefined;
  /** Arguments of the app, without its own name. */
  readonly args?: readonly string[] | undefined;
  /** Variables of the app; it sees none of this process's. Undefined ones are left out. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Files of `NAME=value` lines. */
  readonly envFile?: readonly string[] | undefined;
  /** Directories the app may use: `HOST`, `HOST:/guest/path` or `HOST:/guest/path:ro`. */
  readonly dirs?: readonly string[] | undefined;
  /** Directories of the app that are in memory. */
  readonly tmpfs?: readonly string[] | undefined;
  /** Memory the app may use, such as `256m`; of Node.js apps. */
  readonly memory?: string | undefined;
  /** Host addresses of forwards that name none; absent: `127.0.0.1` and `::1`. */
  readonly bind?: readonly string[] | undefined;
  /** How the sandbox is kept apart; absent: `auto`, as the rights of this process allow. */
  readonly isolation?: IsolationName | 'auto' | undefined;
  /** What carries forwards; absent: `auto`, the best that works here. */
  readonly transport?: TransportName | 'auto' | undefined;
  /** What the app may connect to outside: `203.0.113.0/24:443`, `example.org:443`. */
  readonly allowNet?: readonly string[] | undefined;
  /** Absent: `allow-list` where there are rules, else `none`. */
  readonly outbound?: OutboundMode | undefined;
  /** Other sandboxes of this user that the app may connect to, at their names: `db:5432`, or `db` for every port. */
  readonly peers?: readonly string[] | undefined;
  /** What all names in the kernel begin with; absent: as the settings say, which is `wasmrun` by default. */
  readonly prefix?: string | undefined;
  /**
   * Bring a new version of the app when its files change, and start it again when it crashes. Absent: false; the
   * sandbox ends with its app.
   */
  readonly watch?: boolean | undefined;
  /**
   * Where the app's output goes besides {@link Sandbox.logs}: `inherit` writes it to this process's standard output
   * and error, too. Absent: `capture`, nowhere else. The app has no standard input.
   */
  readonly output?: 'capture' | 'inherit' | undefined;
  /**
   * How long to wait for the app to listen on all forwarded ports, in ms. Then the sandbox counts as started all the
   * same: its forwards open when the app comes to listen. Absent: 30 s.
   */
  readonly readyMs?: number | undefined;
  /** Told what a person at a terminal would be; absent: nobody. */
  readonly log?: Log | undefined;
  /** Aborts the start, which leaves nothing then; later it stops the sandbox. */
  readonly signal?: AbortSignal | undefined;
}

/** Which setting each option is, by the flag of the command line that sets the same. */
const FLAGS = {
  forwards: '--forward',
  name: '--name',
  language: '--language',
  module: '--module',
  args: '--',
  envFile: '--env-file',
  dirs: '--dir',
  tmpfs: '--tmpfs',
  memory: '--memory',
  bind: '--bind',
  isolation: '--isolation',
  transport: '--transport',
  allowNet: '--allow-net',
  outbound: '--outbound',
  peers: '--peer',
} as const satisfies Partial<Record<keyof SandboxOptions, string>>;

const OPTIONS: ReadonlyMap<string, string> = new Map([
  ...Object.entries(FLAGS).map(([option, flag]) => [flag, option] as const),
  ['--env', 'env'],
]);

/** What {@link SandboxOptions} ask for, in the form that everything else understands. */
export interface LaunchOptions {
  /** Absolute path. */
  readonly app: string;
  readonly flags: Flags;
  readonly givenBy: GivenBy;
}

/** @throws {WasmrunError} NAME_INVALID, USAGE */
export const launchOptions = (options: SandboxOptions): LaunchOptions => {
  const entries = Object.entries(FLAGS) as [keyof typeof FLAGS, string][];
  const flags = Object.fromEntries(entries.map(([option, flag]) => [flag, options[option]]));
  return {
    app: resolve(options.app),
    flags: { ...flags, '--env': variableTexts(options.env) },
    givenBy: {
      environment: environmentWith(options.prefix),
      // A reload reads them again, wherever this process has gone meanwhile.
      workingDirectory: process.cwd(),
      describeFlag: (flag) => `option ${OPTIONS.get(flag) ?? flag}`,
    },
  };
};

/** The variables settings are read from. */
export const environmentWith = (prefix: string | undefined): NodeJS.ProcessEnv =>
  prefix === undefined ? process.env : { ...process.env, WASMRUN_NAMESPACE_PREFIX: checkPrefix(prefix) };

const variableTexts = (env: SandboxOptions['env'] = {}): string[] =>
  Object.entries(env).flatMap(([name, value]) => {
    if (name.includes('=')) {
      throw new WasmrunError('USAGE', `option env: "${name}" cannot be the name of a variable`, {
        hint: 'a name has no "="',
      });
    }
    return value === undefined ? [] : [`${name}=${value}`];
  });
