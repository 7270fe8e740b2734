/** Runs a Python app in the engine: CPython as WebAssembly, and here the threads and the system calls. */
import { constants, openSync, readFileSync } from 'node:fs';
import type { Driver, OpenedGuest } from '../../src/engine/driver.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { AppStart } from './engine/app-start.ts';
import { SnapshotFile } from './engine/snapshot-file.ts';
import type { PythonOptions } from './python-app.ts';

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as PythonOptions;
  const bytes = readFileSync(launch.module);
  const initialMemoryFile = openSync(options.initialMemory, constants.O_RDONLY);
  let initialMemory: Uint8Array | undefined;
  const snapshot = options.snapshot === undefined ? undefined : new SnapshotFile(options.snapshot);
  return {
    opensFiles: true,
    prepare: (directories) => {
      const start = new AppStart({
        program: {
          module: new WebAssembly.Module(bytes),
          initialMemory: () => (initialMemory ??= readFileSync(initialMemoryFile)),
        },
        mounts: guestMounts(launch, directories),
        tmpfs: launch.tmpfs,
        args: launch.args,
        env: launch.env,
        conditions: options.conditions,
        snapshot,
      });
      return {
        abi: 'reactor',
        run: async (services) => services.exit(await start.run(services)),
      };
    },
  };
};

export const driver: Driver = { open };
