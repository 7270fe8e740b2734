/**
 * Runs runtimes/python/guest/training.py from a snapshot, or makes that where there is none: a process of its own, for V8
 * prints what it compiles.
 *
 *   node --trace-wasm-compilation-times train-python DIST SNAPSHOT
 */
import { readFileSync } from 'node:fs';
import type { EngineServices } from '../src/engine/driver.ts';
import { openDirectories, openMemoryFileSystems } from '../src/engine/mounts.ts';
import type { Poller } from '../src/engine/poll.ts';
import { AppStart } from '../runtimes/python/engine/app-start.ts';
import { IsolatedStream, isolatedServices, noEvents } from '../runtimes/python/engine/isolated-services.ts';
import { SnapshotFile } from '../runtimes/python/engine/snapshot-file.ts';
import { startImports } from '../runtimes/python/imported-modules.ts';
import { PYTHON_GUEST } from './compile-python-library.ts';

const [, , dist = '', snapshot = ''] = process.argv;
const PROGRAM = '/guest/training.py';
const TEMPORARY = '/tmp';

const mounts = [
  ...openDirectories(
    [
      { hostPath: `${dist}/lib`, guestPath: '/usr/lib', readOnly: true },
      { hostPath: PYTHON_GUEST, guestPath: '/guest', readOnly: true },
    ],
    // Files of the host never wait.
    undefined as unknown as Poller,
  ),
  ...openMemoryFileSystems([TEMPORARY]),
].map((directory) => ({ path: directory.preopenPath!, directory, isSameOnHost: false }));

const start = new AppStart({
  mounts,
  tmpfs: [TEMPORARY],
  args: ['python', PROGRAM],
  env: { PYTHONHOME: '/usr', PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
  conditions: {
    build: '',
    workingDirectory: '/guest',
    imports: startImports(PYTHON_GUEST, [], `${PYTHON_GUEST}/training.py`),
  },
  snapshot: new SnapshotFile(snapshot),
});
let said = '';
const stream = (): IsolatedStream => new IsolatedStream((bytes) => (said += bytes));
const services = {
  ...isolatedServices(noEvents, {}, () => {}),
  streams: [stream(), stream(), stream()],
} as unknown as EngineServices;
const program = {
  module: new WebAssembly.Module(readFileSync(`${dist}/python.wasm`)),
  initialMemory: () => readFileSync(`${dist}/python.memory`),
};
const status = await start.run(program, services);
if (status !== 0) throw new Error(`the training ended with ${status}: ${said}`);
