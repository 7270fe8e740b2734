/** Chooses among the runtimes that exist. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { WasmrunError } from '../errors.ts';
import type { Runtime } from './runtime.ts';

/**
 * The runtime called `name`.
 * @throws {WasmrunError} `RUNTIME_UNAVAILABLE` listing those that exist
 */
export const findRuntime = (name: string, runtimes: readonly Runtime[]): Runtime => {
  const found = runtimes.find((runtime) => runtime.name === name);
  if (found !== undefined) return found;
  const names = runtimes
    .filter((runtime) => runtime.isAnnounced !== true)
    .map((runtime) => runtime.name)
    .join(', ');
  throw new WasmrunError('RUNTIME_UNAVAILABLE', `there is no runtime "${name}"`, {
    hint: `choose one of ${names}, or leave --language and [app] language out`,
  });
};

/** A runtime that recognises something in a directory, and what. */
export interface Detection {
  readonly runtime: Runtime;
  readonly reason: string;
}

/** Every runtime that recognises something in `directory`, in the order of the list. */
export const detectRuntimes = async (
  directory: string,
  runtimes: readonly Runtime[],
): Promise<Detection[]> => {
  const reasons = await Promise.all(runtimes.map((runtime) => runtime.detect(directory)));
  return runtimes.flatMap((runtime, index) => {
    const reason = reasons[index];
    return reason === undefined ? [] : [{ runtime, reason }];
  });
};

/** The first of these files that exists in `directory`. */
const firstExisting = async (directory: string, files: readonly string[]): Promise<string | undefined> => {
  const exists = await Promise.all(
    files.map((file) =>
      access(join(directory, file)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return files.find((_, index) => exists[index]);
};

/** A runtime of a later version: it recognises its apps, so that they get an answer, and refuses them. */
export const announcedRuntime = (name: string, marks: readonly string[]): Runtime => ({
  name,
  isAnnounced: true,
  runsFile: () => false,
  detect: (directory) => firstExisting(directory, marks),
  prepare: ({ reason }) =>
    Promise.reject(
      new WasmrunError(
        'RUNTIME_UNAVAILABLE',
        `runtime ${name} is not available yet (chosen because of ${reason})`,
        {
          hint: 'this version runs Node.js and Python apps, and WebAssembly modules: name a file of the app with --module or [app] module',
        },
      ),
    ),
});
