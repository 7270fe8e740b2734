/** Chooses among the runtimes that exist. */
import { WasmrunError } from '../errors.ts';
import type { Runtime } from './runtime.ts';

/**
 * The runtime called `name`.
 * @throws {WasmrunError} `RUNTIME_UNAVAILABLE` listing those that exist
 */
export const findRuntime = (name: string, runtimes: readonly Runtime[]): Runtime => {
  const found = runtimes.find((runtime) => runtime.name === name);
  if (found !== undefined) return found;
  const names = runtimes.map((runtime) => runtime.name).join(', ');
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
