/** Runtime for databases: PostgreSQL itself, of which an app is the data and the settings. */
import { join, relative } from 'node:path';
import { packageFile } from '../../src/os/package-file.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import type { App, GuestProgram, PostgresSettings, Runtime } from '../../src/runtime/runtime.ts';
import { DATA_DIRECTORY, INSTALLATION } from './postgres-options.ts';
import type { PostgresOptions } from './postgres-options.ts';

export const postgresRuntime: Runtime = {
  name: 'postgres',
  runsFile: () => false,
  // No file says that a directory is meant to be a database: only its name does.
  detect: () => Promise.resolve(undefined),
  prepare: (app) => Promise.resolve(guestProgram(app)),
};

/** Where nothing is set. */
const NO_SETTINGS: PostgresSettings = {
  user: 'postgres',
  init: [],
  extensions: [],
  slowMs: 1000,
  parameters: {},
};

/** In the app's directory. */
const DEFAULT_DATA = 'data';

const TRUST = 'there is no [postgres] password: whoever reaches the port may do anything in the database';

const guestProgram = ({ directory, postgres = NO_SETTINGS }: App): GuestProgram => {
  const { user, password, database = user, init, extensions, slowMs, parameters } = postgres;
  const { data = join(directory, DEFAULT_DATA) } = postgres;
  const options: PostgresOptions = {
    template: packageFile('dist/drivers/postgres/template.zst'),
    directory,
    user,
    database,
    ...(password !== undefined && { password: password.reveal() }),
    init: init.map((path) => ({ path, name: relative(directory, path) })),
    extensions,
    parameters: { log_min_duration_statement: String(slowMs), ...parameters },
  };
  return {
    ...(password === undefined && { notices: [TRUST] }),
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
      { hostPath: data, guestPath: DATA_DIRECTORY, readOnly: false, isMade: true },
    ],
    sources: init,
    writes: [DATA_DIRECTORY],
    isSingle: true,
    tmpfs: ['/tmp'],
  };
};
