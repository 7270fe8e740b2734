/** Runs programs of Python as guests, in the real engine on the host's own loopback, without a namespace. */
import { join } from 'node:path';
import { pythonRuntime } from '../../runtimes/python/index.ts';
import { writeAppDirectory, type AppFiles } from './app-directory.ts';
import { startEngine } from './engine.ts';
import type { EngineOptions, EngineRun } from './engine.ts';

export interface PythonGuestOptions extends Partial<Omit<EngineOptions, 'guest' | 'driver'>> {
  /** Absolute path of the app. */
  readonly directory: string;
  /** The file to run, relative to the directory; by default what the runtime finds. */
  readonly module?: string;
  /** Bytes it may use. */
  readonly memory?: number;
}

/** Starts an app as the runtime would. */
export const startPythonGuest = async ({
  directory,
  module,
  memory,
  args = [],
  env = {},
  directories = [],
  ...options
}: PythonGuestOptions): Promise<EngineRun> => {
  const program = await pythonRuntime.prepare({
    directory,
    args,
    env,
    reason: 'a test',
    ...(module !== undefined && { module: join(directory, module) }),
    ...(memory !== undefined && { memory }),
  });
  return startEngine({
    guest: program.modulePath,
    driver: { path: program.driver!, options: program.options },
    directories: [...program.directories!, ...directories],
    tmpfs: program.tmpfs!,
    args: program.args,
    env: { ...program.env, ...env },
    ...options,
  });
};

/** What a program prints. Throws where it does not end well. */
export const printedByPython = async (
  source: string,
  options: Omit<PythonGuestOptions, 'directory'> & { readonly files?: AppFiles } = {},
): Promise<string> => {
  const { files = {}, ...rest } = options;
  await using app = await writeAppDirectory({ 'main.py': source, ...files });
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py', ...rest });
  const { status, signal, end } = await run.ended;
  if (status === 0) return run.stdout();
  throw new Error(
    `the guest ended with ${JSON.stringify({ status, signal, end })}: ${run.stderr()}${run.stdout()}`,
  );
};
