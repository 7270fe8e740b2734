/** Runtime for apps of Node.js. */
import { createRequire } from 'node:module';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { driverPath } from '../../src/runtime/driver-path.ts';
import type { App, GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import type { NodeOptions } from './engine/launch.ts';

const require = createRequire(import.meta.url);

export const nodejsRuntime: Runtime = {
  name: 'nodejs',
  runsModules: false,
  detect: (directory: string) =>
    access(join(directory, 'package.json')).then(
      () => 'package.json',
      () => undefined,
    ),
  async prepare({ directory, module, args }: App): Promise<GuestProgram> {
    const options: NodeOptions = {
      entry: module ?? join(directory, 'server.js'),
      workingDirectory: directory,
      execArgv: [],
      options: {},
    };
    return {
      modulePath: require.resolve('quickjs-wasi/quickjs.wasm'),
      driver: driverPath('nodejs'),
      options,
      args: ['node', ...args],
      directories: [{ hostPath: directory, guestPath: directory, readOnly: true }],
      tmpfs: ['/tmp'],
    };
  },
};
