/** Runs WASI commands: modules that start at `_start` and block in their system calls. */
import { basename } from 'node:path';
import { WasmrunError } from '../errors.ts';
import type { Driver, EngineServices } from './driver.ts';
import { FdTable } from './fd-table.ts';
import { GuestMemory } from './guest-memory.ts';
import { linkImports } from './imports.ts';
import type { LaunchMessage } from './messages.ts';
import { compileModule, mayOpenFiles, notWebAssembly, readModule } from './program.ts';
import type { Program } from './program.ts';

/** Descriptor number of the first preopened listener (systemd's SD_LISTEN_FDS_START, sd_listen_fds(3)). */
const FIRST_LISTENER_FD = 3;

export const wasiDriver: Driver = {
  open(launch) {
    const bytes = readModule(launch.module);
    return {
      opensFiles: mayOpenFiles(bytes),
      prepare() {
        const program = compileModule(basename(launch.module), bytes);
        return {
          abi: program.abi,
          async run(services) {
            tellWhatIsMissing(program, launch, services);
            return run(program, services);
          },
        };
      },
    };
  },
};

const run = (program: Program, services: EngineServices): never => {
  const fds = new FdTable();
  const preopenPorts = program.abi === 'preview1' ? services.ports : [];
  openDescriptors(fds, services, preopenPorts);
  const env =
    preopenPorts.length === 0
      ? services.env
      : { ...services.env, LISTEN_FDS: String(preopenPorts.length), LISTEN_FD: String(FIRST_LISTENER_FD) };
  const memory = new GuestMemory();
  const { imports, missing } = linkImports(program.imports, { memory, fds, env, services });
  if (missing.length > 0) {
    services.notice(
      `${program.file} imports functions that are not available here and will fail: ${missing.join(', ')}`,
    );
  }
  try {
    const instance = new WebAssembly.Instance(program.module, imports);
    memory.attach(instance.exports['memory'] as WebAssembly.Memory);
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    // Functions are compiled when they are first called: only then an invalid one is found.
    if (error instanceof WebAssembly.CompileError) throw notWebAssembly(program.file, error);
    if (isTypeMismatch(error)) throw otherSignature(program.file, error);
    throw error;
  }
  return services.exit(0);
};

/** Fills the descriptor table: standard streams, then listeners, then directories. */
const openDescriptors = (
  fds: FdTable,
  { streams, listeners, directories }: EngineServices,
  preopenPorts: readonly number[],
): void => {
  for (const stream of streams) fds.add(stream);
  for (const port of preopenPorts) {
    const listener = listeners.preopen(port);
    if (typeof listener === 'number') {
      throw new WasmrunError(
        'ENGINE_FAILED',
        `cannot listen on port ${port} inside the sandbox (WASI errno ${-listener})`,
      );
    }
    fds.add(listener);
  }
  for (const directory of directories) fds.add(directory);
};

/** Forwards that lead nowhere, because of what the module imports. */
const tellWhatIsMissing = (
  { abi, file }: Program,
  { ports, channels }: LaunchMessage,
  services: EngineServices,
): void => {
  if (abi === 'preview1' && ports.length === 0) {
    services.notice(
      `${file} cannot open a listener itself: name the port it serves, e.g. --forward 8080:3000`,
    );
  }
  if (abi === 'preview1' || abi === 'none') {
    const tell = (processPorts: readonly number[]): void => {
      const udpPorts = processPorts.map((port) => `${port}/udp`).join(', ');
      services.notice(`${file} imports no functions for UDP, so nothing will answer on ${udpPorts}`);
    };
    if (channels.length > 0) tell(channels.map(({ processPort }) => processPort));
    services.onDatagramPort((processPort) => tell([processPort]));
  }
  if (abi === 'none' && ports.length > 0) {
    services.notice(
      `${file} imports no socket functions, so nothing will listen on port ${ports.join(', ')}`,
    );
  }
};

/** V8's words where an i64 meets a number: what a module declares differs from what the function takes. */
const isTypeMismatch = (error: unknown): error is TypeError =>
  error instanceof TypeError && error.message.includes('BigInt');

const otherSignature = (file: string, cause: TypeError): WasmrunError =>
  new WasmrunError(
    'MODULE_UNSUPPORTED_IMPORTS',
    `${file} does not declare its imports or _start with the types WASI gives them`,
    { hint: 'Build it for wasm32: there is no WASI preview1 with 64-bit addresses.', cause },
  );
