/** Runtime for apps that are written in Python. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../src/os/package-file.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import type { App, GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import { ENTRIES, hasModule, isModuleName } from './app-entry.ts';
import { startImports } from './imported-modules.ts';
import { describePythonApp } from './python-app.ts';
import type { PythonApp, PythonOptions } from './python-app.ts';
import { findSitePackages } from './site-packages.ts';
import { snapshotPath } from './snapshot-path.ts';

/** What describes a Python app; the first two only say what it needs. */
const MARKS = ['requirements.txt', 'pyproject.toml', ...ENTRIES] as const;

/** Where the guest finds Python's library. */
const LIBRARY = '/usr/lib';

/** Where programs leave what they need no longer than they run. */
const TEMPORARY_FILES = '/tmp';

export const pythonRuntime: Runtime = {
  name: 'python',
  runsFile: (name) => name.endsWith('.py'),
  runsModule: (directory, name, isChosen) =>
    isChosen
      ? isModuleName(name)
      : hasModule(name, [directory, ...findSitePackages(directory, {}).directories]),
  detect: (directory) => Promise.resolve(MARKS.find((name) => existsSync(join(directory, name)))),
  prepare: (app: App) => toGuestProgram(app, describePythonApp(app, process.env['VIRTUAL_ENV'])),
};

/** Where Linux keeps what is known of the world's time zones (tzselect(8)); others do without, or install `tzdata`. */
const TIME_ZONES = '/usr/share/zoneinfo';

const toGuestProgram = async (
  { args, memory }: App,
  { entry, directory, sitePackages, directories, notices }: PythonApp,
): Promise<GuestProgram> => {
  const hasTimeZones = existsSync(TIME_ZONES);
  const command = [...entry.args, ...args];
  // Without a cache it starts all the same, only slower.
  const snapshot = await snapshotPath([directory, ...entry.args]).catch(() => undefined);
  const options: PythonOptions = {
    initialMemory: packageFile('dist/drivers/python/python.memory'),
    ...(snapshot !== undefined && { snapshot }),
    sitePackages,
    conditions: {
      build: readFileSync(packageFile('dist/drivers/python/build-hash.txt'), 'utf8'),
      workingDirectory: directory,
      imports: startImports(directory, command, entry.file),
      ...(memory !== undefined && { memory }),
    },
  };
  return {
    modulePath: packageFile('dist/drivers/python/python.wasm'),
    driver: driverPath('python'),
    options,
    args: ['python', ...command],
    env: {
      PYTHONHOME: '/usr',
      // What is printed is seen at once.
      PYTHONUNBUFFERED: '1',
      // The app's directory is read-only.
      PYTHONDONTWRITEBYTECODE: '1',
      HOME: TEMPORARY_FILES,
      // There are no accounts to look that up in.
      USER: 'nobody',
      ...(hasTimeZones && { PYTHONTZPATH: TIME_ZONES }),
    },
    notices,
    directories: [
      { hostPath: packageFile('dist/drivers/python/lib'), guestPath: LIBRARY, readOnly: true },
      ...(hasTimeZones ? [{ hostPath: TIME_ZONES, guestPath: TIME_ZONES, readOnly: true }] : []),
      ...directories,
    ],
    tmpfs: [TEMPORARY_FILES],
  };
};
