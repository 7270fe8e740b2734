/** Which Node runs the engine, and which file. A sandbox whose wall is V8 pins its V8. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

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

/** The bundled engine, or its source when this runs from source itself. */
export const engineEntry = (): string => {
  // A package can resolve itself by its own name (Node, "Self-referencing a package").
  const root = dirname(require.resolve('wasmrun/package.json'));
  return import.meta.url.endsWith('.ts')
    ? join(root, 'src', 'engine', 'main.ts')
    : join(root, 'dist', 'engine', 'main.cjs');
};
