/** Runtime for databases: PostgreSQL itself, of which an app is the data and the settings. */
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';
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
  prepare: async (app) => {
    await checkExtensions(app.postgres?.extensions ?? []);
    return guestProgram(app);
  },
};

const INSTALLATION_FILES = 'dist/drivers/postgres/installation';

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

/** Extensions that count from the start of the server on. */
const PRELOADED: ReadonlySet<string> = new Set(['pg_stat_statements']);

/** Libraries that are chosen, and those that an extension needs. */
const preloaded = (
  extensions: readonly string[],
  { shared_preload_libraries: chosen = '' }: Readonly<Record<string, string>>,
): Record<string, string> => {
  const needed = extensions.filter((name) => PRELOADED.has(name) && !chosen.includes(name));
  if (needed.length === 0) return {};
  return { shared_preload_libraries: [...(chosen === '' ? [] : [chosen]), ...needed].join(', ') };
};

/** @throws {WasmrunError} CONFIG_INVALID where one is none that there is */
const checkExtensions = async (wanted: readonly string[]): Promise<void> => {
  if (wanted.length === 0) return;
  const files = await readdir(`${packageFile(INSTALLATION_FILES)}/share/postgresql/extension`);
  const known = files
    .filter((file) => file.endsWith('.control'))
    .map((file) => file.replace(/\.control$/, ''));
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new WasmrunError('CONFIG_INVALID', `[postgres] extensions: there is no extension ${unknown}`, {
    hint: `There are ${known.sort().join(', ')}.`,
  });
};

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
    parameters: {
      log_min_duration_statement: String(slowMs),
      ...parameters,
      ...preloaded(extensions, parameters),
    },
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
        hostPath: packageFile(INSTALLATION_FILES),
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
