/** Runtime for apps that are a WebAssembly module already. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WasmrunError } from '../../src/errors.ts';
import type { App, GuestProgram, Runtime } from '../../src/runtime/runtime.ts';
import { checkModuleFile } from './module-file.ts';

export const wasmRuntime: Runtime = {
  name: 'wasm',
  runsFile: (name) => name.endsWith('.wasm'),

  async detect(directory: string): Promise<string | undefined> {
    const modules = await listModules(directory);
    return modules.length === 0 ? undefined : modules.join(', ');
  },

  async prepare({ directory, module, args, memory }: App): Promise<GuestProgram> {
    if (memory !== undefined) {
      throw new WasmrunError(
        'USAGE',
        'the memory of a WebAssembly module cannot be limited from outside yet',
        {
          hint: 'leave out --memory and [app] memory, and link the module with --max-memory',
        },
      );
    }
    const modulePath = module ?? (await onlyModule(directory));
    await checkModuleFile(modulePath);
    return { modulePath, args: [basename(modulePath), ...args] };
  },
};

/** Names of the `.wasm` files in a directory, sorted. */
const listModules = async (directory: string): Promise<string[]> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.wasm')).toSorted();
  const areFiles = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        (stats) => stats.isFile(),
        () => false,
      ),
    ),
  );
  return names.filter((_, index) => areFiles[index]);
};

const onlyModule = async (directory: string): Promise<string> => {
  const [only, ...others] = await listModules(directory);
  if (only === undefined) {
    throw new WasmrunError('APP_NOT_RUNNABLE', `${directory} holds no .wasm file`, {
      hint: 'give the path of a .wasm file, or name one with [app] module in .wasmrun.toml',
    });
  }
  if (others.length === 0) return join(directory, only);
  throw new WasmrunError(
    'APP_AMBIGUOUS',
    `${directory} holds ${others.length + 1} .wasm files: ${[only, ...others].join(', ')}`,
    { hint: `give the path of one, such as ${join(directory, only)}, or name it with [app] module` },
  );
};
