/** How an unmodified Python program is run as a guest: the command that users type. */
import { pinnedNode } from '../../src/os/pinned-node.ts';
import { BIN } from './cli.ts';
import type { GuestOptions, NodeCommand } from './nodejs-command.ts';

export interface PythonProgram {
  /** Absolute path of the app's directory: of the host's files a guest sees nothing else. */
  readonly directory: string;
  /** The file to run, relative to the directory. */
  readonly module: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the program inside WebAssembly by `wasmrun os`. */
export const pythonGuestCommand = (
  { directory, module, args = [], env = {} }: PythonProgram,
  { prefix, name, forwards = [] }: GuestOptions,
): NodeCommand => ({
  file: pinnedNode(),
  args: [
    ...['--', BIN, 'os', directory, '--language', 'python', '--module', module, '--name', name],
    ...Object.entries(env).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
    ...forwards.flatMap((forward) => ['--forward', forward]),
    ...(args.length === 0 ? [] : ['--', ...args]),
  ],
  cwd: directory,
  env: { ...process.env, NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix },
});
