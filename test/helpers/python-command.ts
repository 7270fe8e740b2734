/** How an unmodified Python program is run as a guest: the command that users type. */
import { wasmrunCommand } from './nodejs-command.ts';
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
  { env = {}, ...program }: PythonProgram,
  sandbox: GuestOptions,
): NodeCommand => wasmrunCommand({ language: 'python', env, ...program }, sandbox);
