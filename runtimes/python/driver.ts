/** Runs a Python app in the engine: CPython as WebAssembly, and here the threads and the system calls. */
import { readFileSync } from 'node:fs';
import { FDFLAG } from '../../src/engine/descriptor.ts';
import type { Driver, OpenedGuest } from '../../src/engine/driver.ts';
import { FdTable } from '../../src/engine/fd-table.ts';
import { guestMounts } from '../../src/engine/guest-mounts.ts';
import type { LaunchMessage } from '../../src/engine/messages.ts';
import { GuestFileSystem } from '../../src/engine/guest-file-system.ts';
import { runInterpreter } from './engine/interpreter.ts';
import type { PythonOptions } from './python-app.ts';

const open = (launch: LaunchMessage): OpenedGuest => {
  const options = launch.driver?.options as PythonOptions;
  const bytes = readFileSync(launch.module);
  return {
    opensFiles: true,
    prepare: (directories) => {
      const module = new WebAssembly.Module(bytes);
      return {
        abi: 'reactor',
        run: async (services) => {
          const fds = new FdTable();
          for (const stream of services.streams) fds.add(stream);
          // Nobody else is to wait while one thread reads; what is written is written.
          services.streams[0].flags |= FDFLAG.nonblock;
          const files = new GuestFileSystem(guestMounts(launch, directories), fds);
          files.changeDirectory(options.workingDirectory);
          const { args, env } = services;
          return services.exit(await runInterpreter(module, { files, fds, services, args, env }));
        },
      };
    },
  };
};

export const driver: Driver = { open };
