/** Runtime for apps that are written for Node.js. */
import { readdir } from 'node:fs/promises';
import { WasmrunError } from '../../src/errors.ts';
import type { App, GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import { packageFile } from '../../src/os/package-file.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import { findAppEntry } from './app-entry.ts';
import type { NodeOptions } from './engine/launch.ts';
import { describeNodeApp, type NodeApp } from './node-app.ts';
import { snapshotFile } from './snapshot-cache.ts';
import { readPackageJson } from './package-json.ts';

/** What Node runs. */
const SCRIPT = /\.[cm]?[jt]s$/;

/** Where programs leave what they need no longer than they run. */
const TEMPORARY_FILES = '/tmp';

export const nodejsRuntime: Runtime = {
  name: 'nodejs',
  runsFile: (name) => SCRIPT.test(name),

  async detect(directory: string): Promise<string | undefined> {
    try {
      // Without one a directory of scripts could be anything.
      if (readPackageJson(directory) === undefined) return undefined;
      const { reason } = await findAppEntry({ directory });
      return reason.includes('package.json') ? reason : `package.json, ${reason}`;
    } catch (error) {
      if (!(error instanceof WasmrunError)) throw error;
      return (await isForSomethingElse(directory)) ? undefined : 'package.json';
    }
  },

  prepare: async (app: App): Promise<GuestProgram> => toGuestProgram(await describeNodeApp(app), app.memory),
};

/**
 * Is there another reason for a `package.json` that starts nothing here? Beside a WebAssembly module it is there
 * for the module's build. One that does not even try to start something describes a library, or only tools.
 */
const isForSomethingElse = async (directory: string): Promise<boolean> => {
  if ((await readdir(directory)).some((name) => name.endsWith('.wasm'))) return true;
  try {
    const description = readPackageJson(directory);
    return description?.start === undefined && description?.main === undefined;
  } catch {
    return false;
  }
};

/** How the engine is told to start the app: the one place where the runtime's two sides meet. */
const toGuestProgram = async (
  { entry, args, directories, notices }: NodeApp,
  memory: number | undefined,
): Promise<GuestProgram> => {
  const { file, workingDirectory, flags, variables } = entry;
  const options: NodeOptions = {
    entry: file,
    workingDirectory,
    execArgv: flags.execArgv,
    options: flags.options,
    envFiles: flags.envFiles,
    snapshot: await snapshotFile(),
    ...(memory !== undefined && { memory }),
  };
  return {
    modulePath: packageFile('dist/drivers/nodejs/quickjs.wasm'),
    driver: driverPath('nodejs'),
    options,
    args: ['node', ...args],
    env: variables,
    notices,
    directories,
    tmpfs: [TEMPORARY_FILES],
  };
};
