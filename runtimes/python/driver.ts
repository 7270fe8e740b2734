/** Runs a Python app in the engine: CPython as WebAssembly, and here the threads and the system calls. */
import { constants, openSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Driver, OpenedGuest } from '../../src/engine/driver.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { COMPILATION_HINTS } from '../../src/wasm/compilation-hints.ts';
import { AppStart } from './engine/app-start.ts';
import { SnapshotFile } from './engine/snapshot-file.ts';
import type { PythonOptions } from './python-app.ts';

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as PythonOptions;
  // Functions that every start needs are compiled before they are called.
  setFlagsFromString(COMPILATION_HINTS);
  // At once, with V8's other threads: a promise would need Node's own loop, which a hardened engine has better not.
  const module = new WebAssembly.Module(readFileSync(launch.module));
  const initialMemoryFile = openSync(options.initialMemory, constants.O_RDONLY);
  let initialMemory: Uint8Array | undefined;
  const snapshot = options.snapshot === undefined ? undefined : new SnapshotFile(options.snapshot);
  return {
    opensFiles: true,
    prepare: (directories) => {
      const start = new AppStart({
        mounts: guestMounts(launch, directories),
        tmpfs: launch.tmpfs,
        args: launch.args,
        env: withPackages(launch.env, options.sitePackages),
        conditions: options.conditions,
        snapshot,
      });
      const program = {
        module,
        initialMemory: () => (initialMemory ??= readFileSync(initialMemoryFile)),
      };
      return {
        abi: 'reactor',
        run: async (services) => services.exit(await start.run(program, services)),
      };
    },
  };
};

/** As `site` would find them in a virtual environment, whatever else the user's `PYTHONPATH` (python(1)) names. */
const withPackages = (env: LaunchMessage['env'], sitePackages: readonly string[]): LaunchMessage['env'] => {
  const paths = [env['PYTHONPATH'] ?? '', ...sitePackages].filter((path) => path !== '');
  return paths.length === 0 ? env : { ...env, PYTHONPATH: paths.join(':') };
};

export const driver: Driver = { open };
