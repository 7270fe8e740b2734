/** Runs scripts of Node.js as guests, in the real engine on the host's own loopback, without a namespace. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NodeOptions } from '../../runtimes/nodejs/engine/launch.ts';
import { takeNodeFlags } from '../../runtimes/nodejs/node-flags.ts';
import { packageFile } from '../../src/os/package-file.ts';
import { driverPath } from '../../src/runtime/driver-path.ts';
import { startEngine } from './engine.ts';
import type { EngineOptions, EngineRun } from './engine.ts';

export interface NodeGuestOptions extends Partial<Omit<EngineOptions, 'guest' | 'driver'>> {
  /** Absolute path of the app, which the guest sees under the same path. */
  readonly directory: string;
  /** The script, relative to the directory. */
  readonly script: string;
  /** Of Node. */
  readonly flags?: readonly string[];
  readonly readOnly?: boolean;
  /** A file that the guest goes on from, see runtimes/nodejs/snapshot-cache.ts; else it is brought up anew. */
  readonly snapshot?: string;
  /** Bytes the guest may use. */
  readonly memory?: number;
}

/** Starts a script; its directory may be written to, unless it is said otherwise. */
export const startNodeGuest = ({
  directory,
  script,
  flags = [],
  readOnly = false,
  snapshot,
  memory,
  directories = [],
  ...options
}: NodeGuestOptions): EngineRun => {
  const { execArgv, options: flagOptions, envFiles } = takeNodeFlags([...flags, script]).flags;
  const node: NodeOptions = {
    entry: join(directory, script),
    workingDirectory: directory,
    execArgv,
    options: flagOptions,
    envFiles,
    ...(snapshot !== undefined && { snapshot }),
    ...(memory !== undefined && { memory }),
  };
  return startEngine({
    guest: packageFile('dist/drivers/nodejs/quickjs.wasm'),
    driver: { path: driverPath('nodejs'), options: { ...node } },
    directories: [{ hostPath: directory, guestPath: directory, readOnly }, ...directories],
    tmpfs: ['/tmp'],
    args: ['node'],
    ...options,
  });
};

/** What a script prints, as a guest. Throws where it does not end well. */
export const printedByGuest = async (options: NodeGuestOptions): Promise<string> => {
  await using run = startNodeGuest(options);
  const { status, signal, end } = await run.ended;
  if (status === 0) return run.stdout();
  throw new Error(
    `the guest ended with ${JSON.stringify({ status, signal, end })}: ${run.stderr()}${run.stdout()}`,
  );
};

/** What the same script prints in Node itself. */
export const printedByNode = async ({ directory, script, flags = [] }: NodeGuestOptions): Promise<string> =>
  (await promisify(execFile)(process.execPath, [...flags, join(directory, script)], { cwd: directory }))
    .stdout;
