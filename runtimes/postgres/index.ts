/** Runtime for databases: PostgreSQL itself, of which an app is the data and the settings. */
import { packageFile } from '../../src/os/package-file.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import type { GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import { DATA_DIRECTORY, INSTALLATION } from './postgres-options.ts';
import type { PostgresOptions } from './postgres-options.ts';

export const postgresRuntime: Runtime = {
  name: 'postgres',
  runsFile: () => false,
  // No file says that a directory is meant to be a database: only its name does.
  detect: () => Promise.resolve(undefined),
  prepare: () => Promise.resolve(guestProgram()),
};

const guestProgram = (): GuestProgram => {
  const options: PostgresOptions = { template: packageFile('dist/drivers/postgres/template.zst') };
  return {
    modulePath: packageFile('dist/drivers/postgres/postgres.wasm'),
    driver: driverPath('postgres'),
    options,
    args: ['postgres'],
    env: {
      HOME: '/tmp',
      USER: 'postgres',
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      PGTZ: 'UTC',
      ICU_DATA: `${INSTALLATION}/icu`,
    },
    directories: [
      {
        hostPath: packageFile('dist/drivers/postgres/installation'),
        guestPath: INSTALLATION,
        readOnly: true,
      },
    ],
    tmpfs: ['/tmp', DATA_DIRECTORY],
  };
};
