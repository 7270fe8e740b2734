/** At build: Python's library with its code compiled, by the interpreter that is to use it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FdTable } from '../src/engine/fd-table.ts';
import { GuestFileSystem } from '../src/engine/guest-file-system.ts';
import { openDirectories } from '../src/engine/mounts.ts';
import type { Poller } from '../src/engine/poll.ts';
import { createInterpreter, initialMemory, runInterpreter } from '../runtimes/python/engine/interpreter.ts';
import { IsolatedStream, isolatedServices, noEvents } from '../runtimes/python/engine/isolated-services.ts';

/** What runs in guests. */
export const PYTHON_GUEST = fileURLToPath(new URL('../runtimes/python/guest', import.meta.url));
/** Modules of ours, to be found where the library's own are. */
const OWN_MODULES = fileURLToPath(new URL('../runtimes/python/library', import.meta.url));
const PROGRAM = '/guest/compile_library.py';

/** Absolute paths on the host. */
export interface LibraryPaths {
  /** The interpreter. */
  readonly module: string;
  /** What its memory holds at first. */
  readonly initialMemory: string;
  /** Of the library as it is, `python314.zip`. */
  readonly sourceDirectory: string;
  /** Where the compiled one is to be written, by the same name. */
  readonly targetDirectory: string;
}

/** @throws {Error} with what the interpreter said, where it failed */
export const compileLibrary = async (paths: LibraryPaths): Promise<void> => {
  const mounts = [
    { hostPath: paths.sourceDirectory, guestPath: '/usr/lib', readOnly: true },
    { hostPath: PYTHON_GUEST, guestPath: '/guest', readOnly: true },
    { hostPath: OWN_MODULES, guestPath: '/own', readOnly: true },
    { hostPath: paths.targetDirectory, guestPath: '/out', readOnly: false },
  ];
  // Files of the host never wait.
  const directories = openDirectories(mounts, undefined as unknown as Poller);
  let said = '';
  const fds = new FdTable();
  for (let fd = 0; fd < 3; fd += 1) fds.add(new IsolatedStream((bytes) => (said += bytes)));
  const files = new GuestFileSystem(
    directories.map((directory) => ({ path: directory.preopenPath!, directory, isSameOnHost: false })),
    fds,
  );
  const program = {
    module: new WebAssembly.Module(readFileSync(paths.module)),
    initialMemory: () => readFileSync(paths.initialMemory),
  };
  const interpreter = createInterpreter(program.module, {
    memory: initialMemory(program),
    files,
    fds,
    services: isolatedServices(noEvents, {}, () => {}),
    env: { PYTHONHOME: '/usr' },
  });
  const archives = ['/usr/lib/python314.zip', '/out/python314.zip'];
  const status = await runInterpreter(interpreter, ['python', PROGRAM, ...archives, '/own']);
  for (const directory of directories) directory.close();
  if (status !== 0) throw new Error(`Python's library could not be compiled (${status}): ${said}`);
};
