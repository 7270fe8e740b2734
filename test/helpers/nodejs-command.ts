/**
 * How an unmodified Node program is run, natively and as a guest. Suites and benchmarks ask here and nowhere
 * else, so that what they prove is the command that users type.
 */
import { pinnedNode } from '../../src/os/pinned-node.ts';
import { BIN } from './cli.ts';

export interface NodeProgram {
  /** Absolute path of the app's directory: of the host's files a guest sees nothing else. */
  readonly directory: string;
  /** The file to run, relative to the directory; without one the app's `package.json` names it. */
  readonly module?: string;
  /** Flags of Node itself. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface NodeCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Runs the program by a Node of this machine, by default the pinned one. */
export const nativeCommand = (
  { directory, module = '.', flags = [], env = {} }: NodeProgram,
  node: string = pinnedNode(),
): NodeCommand => ({
  file: node,
  args: [...flags, module],
  cwd: directory,
  env: { ...process.env, ...env },
});

export interface GuestOptions {
  /** Of the sandboxes' names in the kernel. */
  readonly prefix: string;
  /** Name of the sandbox. */
  readonly name: string;
  /** As `--forward` takes them. */
  readonly forwards?: readonly string[];
  /** As `--dir` takes them. */
  readonly mounts?: readonly string[];
}

/** Runs the program inside WebAssembly by `wasmrun os`. */
export const guestCommand = (
  { directory, module, flags = [], env = {} }: NodeProgram,
  sandbox: GuestOptions,
): NodeCommand => {
  const options = flags.length === 0 ? {} : { NODE_OPTIONS: flags.join(' ') };
  return wasmrunCommand({ language: 'nodejs', directory, module, env: { ...env, ...options } }, sandbox);
};

/** What `wasmrun os` is told of an app. */
export interface GuestProgram {
  readonly language: string;
  readonly directory: string;
  readonly module?: string | undefined;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** `wasmrun os`, by the pinned Node. */
export const wasmrunCommand = (
  { language, directory, module, args = [], env }: GuestProgram,
  { prefix, name, forwards = [], mounts = [] }: GuestOptions,
): NodeCommand => ({
  file: pinnedNode(),
  args: [
    ...['--', BIN, 'os', directory, '--language', language, '--name', name],
    ...(module === undefined ? [] : ['--module', module]),
    ...Object.entries(env).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...forwards.flatMap((forward) => ['--forward', forward]),
    ...mounts.flatMap((mount) => ['--dir', mount]),
    ...(args.length === 0 ? [] : ['--', ...args]),
  ],
  cwd: directory,
  env: { ...process.env, NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
});
