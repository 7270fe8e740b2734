/** Where this package's own programs lie. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Absolute path of a file of this package, given relative to its root. */
export const packageFile = (path: string): string =>
  // A package can resolve itself by its own name (Node, "Self-referencing a package").
  join(dirname(require.resolve('wasmrun/package.json')), path);

/**
 * Absolute path of a program that a process of its own, or a dynamic import, runs.
 * @param source - its TypeScript, for who runs from source itself
 * @param bundle - what scripts/build.ts makes of it
 */
export const packageProgram = (source: string, bundle: string): string =>
  packageFile(import.meta.url.endsWith('.ts') ? source : bundle);
