/** Apps for Python: with the packages their users would install, and run in a sandbox. */
import { chmod, cp, mkdtempDisposable } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { PYTHON_PACKAGES } from '../../scripts/python-packages.ts';
import { newPrefix, remains, startCli, type CliRun } from './cli.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));

/** A copy of an example, with Flask and the like in `site-packages` where it has requirements. */
export const copyPythonExample = async (name: string) => {
  const copy = await mkdtempDisposable(join(tmpdir(), `wasmrun-${name}-`));
  try {
    // An app's user must be able to enter it.
    await chmod(copy.path, 0o755);
    await cp(join(EXAMPLES, name), copy.path, { recursive: true });
    if (existsSync(join(copy.path, 'requirements.txt'))) {
      await cp(PYTHON_PACKAGES, join(copy.path, 'site-packages'), { recursive: true });
    }
    return copy;
  } catch (error) {
    await copy.remove();
    throw error;
  }
};

export interface RunningPythonApp extends AsyncDisposable {
  /** Where it answers, without a slash at the end. */
  readonly url: string;
  /** The host port that leads to the app. */
  readonly port: number;
  readonly run: CliRun;
}

/** Starts an app in a sandbox, and forwards a free host port to one of its own; resolves when it listens. */
export const startPythonApp = async (
  directory: string,
  port: number,
  ...flags: readonly string[]
): Promise<RunningPythonApp> => {
  const prefix = newPrefix();
  const run = startCli(['os', directory, '--forward', `127.0.0.1::${port}`, ...flags], { prefix });
  const url = (await run.url()).replace(/\/$/, '');
  return {
    url,
    port: Number(new URL(url).port),
    run,
    async [Symbol.asyncDispose]() {
      run.process.kill('SIGTERM');
      await run.ended;
      expect(remains(prefix)).toEqual([]);
    },
  };
};
