/** Runs PostgreSQL in the engine: its backends as WebAssembly, and here what they share and wait for. */
import { constants, openSync, readFileSync } from 'node:fs';
import type { Driver, OpenedGuest } from '../../src/engine/driver.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { lockDataDirectory, prepareDataDirectory } from './engine/data-directory.ts';
import { DatabaseServer } from './engine/database-server.ts';
import type { PostgresOptions } from './postgres-options.ts';

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as PostgresOptions;
  const module = new WebAssembly.Module(readFileSync(launch.module));
  const templateFile = openSync(options.template, constants.O_RDONLY);
  return {
    opensFiles: true,
    prepare: (directories) => {
      const mounts = guestMounts(launch, directories);
      return {
        abi: 'reactor',
        run: (services) => {
          const files = new GuestFileSystem(mounts, new FdTable());
          lockDataDirectory(files);
          prepareDataDirectory(files, () => readFileSync(templateFile));
          return new DatabaseServer(services, { module, env: launch.env, mounts, options }).run();
        },
      };
    },
  };
};

export const driver: Driver = { open };
