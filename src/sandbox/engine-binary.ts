/** Which Node runs the engine, and which file. A sandbox whose wall is V8 pins its V8. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

const ENGINE_FLAGS = [
  // V8 compiles functions when they are first called: a module of megabytes starts at once.
  '--wasm-lazy-validation',
  // Else the signal opens a debugger on the sandbox's loopback, where the guest may reach it.
  '--disable-sigusr1',
];

/** What is started as the engine. */
export const engineCommand = (): { readonly file: string; readonly args: readonly string[] } => ({
  file: engineBinary(),
  args: [...ENGINE_FLAGS, engineEntry()],
});

/** The pinned binary that npm locked, or the Node that runs the supervisor where none fits the platform. */
export const engineBinary = (): string => {
  try {
    return join(
      dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin',
      'node',
    );
  } catch {
    return process.execPath;
  }
};

/** The program that runs the guest: bundled, or its source when this runs from source itself. */
const engineEntry = (): string => {
  // A package can resolve itself by its own name (Node, "Self-referencing a package").
  const root = dirname(require.resolve('wasmrun/package.json'));
  return import.meta.url.endsWith('.ts')
    ? join(root, 'src', 'engine', 'main.ts')
    : join(root, 'dist', 'engine', 'main.cjs');
};
