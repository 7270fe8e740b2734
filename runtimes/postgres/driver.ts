/** Runs PostgreSQL in the engine: its backends as WebAssembly, and here what they share and wait for. */
import { constants, openSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Driver, OpenedGuest } from '../../src/engine/driver.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { COMPILATION_HINTS } from '../../src/wasm/compilation-hints.ts';
import { giveWay } from './engine/background-threads.ts';
import { DataDirectory } from './engine/data-directory.ts';
import { DatabaseServer } from './engine/database-server.ts';
import type { InitFile } from './engine/database-setup.ts';
import { DATA_DIRECTORY } from './postgres-options.ts';
import type { InitFileReference, PostgresOptions } from './postgres-options.ts';

/**
 * How much a function does, about in bytes of its code, before V8 optimizes it. By default it is thirteen times as much: a
 * query goes through many functions once, and it would take half a minute of queries until they are fast.
 */
const TIERING_BUDGET = 1_000_000;

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as PostgresOptions;
  // Functions that every start needs are compiled before they are called.
  setFlagsFromString(COMPILATION_HINTS);
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  giveWay();
  const module = new WebAssembly.Module(readFileSync(launch.module));
  const templateFile = openSync(options.template, constants.O_RDONLY);
  const initFiles = options.init.map(openInitFile);
  return {
    opensFiles: true,
    prepare: (directories) => {
      const mounts = guestMounts(launch, directories);
      return {
        abi: 'reactor',
        run: (services) => {
          const directory = new DataDirectory(
            new GuestFileSystem(mounts, new FdTable()),
            nameOf(launch, options),
          );
          const isNew = directory.open(() => readFileSync(templateFile));
          if (isNew) services.notice(`new data directory ${directory.name}`);
          const parts = { module, env: launch.env, mounts, options, directory, isNew, initFiles };
          return new DatabaseServer(services, parts).run();
        },
      };
    },
  };
};

const openInitFile = ({ name, path }: InitFileReference): InitFile => {
  try {
    return { name, file: openSync(path, constants.O_RDONLY) };
  } catch (error) {
    return { name, file: error as Error };
  }
};

/** What people call the data directory. */
const nameOf = ({ directories }: LaunchMessage, { directory }: PostgresOptions): string => {
  const mount = directories.find(({ guestPath }) => guestPath === DATA_DIRECTORY);
  if (mount === undefined) return 'in memory';
  const path = relative(directory, mount.hostPath);
  return path.startsWith('..') ? mount.hostPath : `./${path}`;
};

export const driver: Driver = { sendsBeside: true, open };
