/** How the engine is started: which Node, which flags, which file. */
import { readFileSync } from 'node:fs';
import { STACK_LIMIT } from '../engine/messages.ts';
import { packageProgram } from '../os/package-file.ts';
import { pinnedNode } from '../os/pinned-node.ts';

const ENGINE_FLAGS = [
  // V8 compiles functions when they are first called: a module of megabytes starts at once.
  '--wasm-lazy-validation',
  // Else the signal opens a debugger on the sandbox's loopback, where the guest may reach it.
  '--disable-sigusr1',
  // Drivers hand some of what Node's own bindings compute on to guests.
  '--expose-internals',
  '--disable-warning=internal/test/binding',
];

/** Stack for guests, in KiB: the engine raises its limit to a little more (STACK_LIMIT). */
const STACK_SIZE = 60_000;

/** Flags of Node for the engine. */
export const engineFlags = (): readonly string[] =>
  mayHaveStack() ? [...ENGINE_FLAGS, `--stack-size=${STACK_SIZE}`] : ENGINE_FLAGS;

/** What is started as the engine. */
export const engineCommand = (): { readonly file: string; readonly args: readonly string[] } => ({
  file: pinnedNode(),
  args: [...engineFlags(), engineEntry()],
});

/** Whether the hard limit (RLIMIT_STACK in getrlimit(2), as proc(5) shows it) leaves room for it. */
const mayHaveStack = (): boolean => {
  if (process.platform !== 'linux') return false;
  const [, hard = ''] = /^Max stack size +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' || Number(hard) >= STACK_LIMIT;
};

/** Is this the command line of an engine, of whatever installation? */
export const isEngine = (commandLine: readonly string[]): boolean =>
  commandLine.some((word) => /\/engine\/main\.(ts|cjs)$/.test(word));

/** The program that runs the guest. */
const engineEntry = (): string => packageProgram('src/engine/main.ts', 'dist/engine/main.cjs');
