/** Runtime for apps that are written in Python. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packageFile } from '../../src/os/package-file.ts';
import { WasmrunError } from '../../src/errors.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import type { App, GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import type { PythonOptions } from './python-app.ts';
import { importedModules } from './imported-modules.ts';
import { findSitePackages } from './site-packages.ts';
import { snapshotPath } from './snapshot-path.ts';

/** What describes a Python app; the first two name its dependencies only. */
const MARKS = ['requirements.txt', 'pyproject.toml', 'app.py', 'main.py', 'wsgi.py'] as const;
/** What is run where nothing is named, in this order: as Flask looks for them, then as people call them. */
const ENTRIES = ['wsgi.py', 'app.py', 'main.py', 'server.py', '__main__.py'] as const;

/** Where the guest finds Python's library. */
const LIBRARY = '/lib';

export const pythonRuntime: Runtime = {
  name: 'python',
  runsFile: (name) => name.endsWith('.py'),
  detect: (directory) => Promise.resolve(MARKS.find((name) => existsSync(join(directory, name)))),
  prepare: (app) => prepare(app),
};

const prepare = async (app: App): Promise<GuestProgram> => {
  const entry = app.module ?? findEntry(app.directory);
  const directory = realpathSync(app.directory);
  const sitePackages = findSitePackages(directory);
  const file = join(realpathSync(dirname(entry)), basename(entry));
  const snapshot = await snapshotPath(file).catch(() => undefined);
  const options: PythonOptions = {
    initialMemory: packageFile('dist/drivers/python/python.memory'),
    ...(snapshot !== undefined && { snapshot }),
    conditions: {
      build: readFileSync(packageFile('dist/drivers/python/build-id'), 'utf8'),
      workingDirectory: directory,
      imports: importedModules(file),
    },
  };
  return {
    modulePath: packageFile('dist/drivers/python/python.wasm'),
    driver: driverPath('python'),
    options,
    args: ['python', file, ...app.args],
    env: {
      PYTHONHOME: '/',
      // What is printed is seen at once.
      PYTHONUNBUFFERED: '1',
      // The app's directory is read-only.
      PYTHONDONTWRITEBYTECODE: '1',
      HOME: '/tmp',
      ...(sitePackages.length > 0 && { PYTHONPATH: sitePackages.join(':') }),
    },
    directories: [
      { hostPath: packageFile('dist/drivers/python/lib'), guestPath: LIBRARY, readOnly: true },
      { hostPath: directory, guestPath: directory, readOnly: true },
    ],
    tmpfs: ['/tmp'],
  };
};

const findEntry = (directory: string): string => {
  const found = ENTRIES.find((name) => existsSync(join(directory, name)));
  if (found !== undefined) return join(directory, found);
  throw new WasmrunError('APP_NOT_RUNNABLE', `${directory} has no ${ENTRIES.join(', ')}`, {
    hint: 'name the file to run: wasmrun os DIR --module server/start.py, or [app] module in .wasmrun.toml',
  });
};
