/** How the engine is started: which Node, which flags, which file. */
import { packageProgram } from '../os/package-file.ts';
import { pinnedNode } from '../os/pinned-node.ts';

export const ENGINE_FLAGS = [
  // V8 compiles functions when they are first called: a module of megabytes starts at once.
  '--wasm-lazy-validation',
  // Else the signal opens a debugger on the sandbox's loopback, where the guest may reach it.
  '--disable-sigusr1',
  // Drivers hand some of what Node's own bindings compute on to guests.
  '--expose-internals',
  '--disable-warning=internal/test/binding',
];

/** What is started as the engine. */
export const engineCommand = (): { readonly file: string; readonly args: readonly string[] } => ({
  file: pinnedNode(),
  args: [...ENGINE_FLAGS, engineEntry()],
});

/** The program that runs the guest. */
const engineEntry = (): string => packageProgram('src/engine/main.ts', 'dist/engine/main.cjs');
