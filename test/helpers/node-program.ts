/** Runs a Node program by plain Node and as a guest of the engine, without a sandbox: what they print is compared. */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { NodeOptions } from '../../runtimes/nodejs/engine/launch.ts';
import { takeNodeFlags } from '../../runtimes/nodejs/node-flags.ts';
import { snapshotFile } from '../../runtimes/nodejs/snapshot-cache.ts';
import { packageFile } from '../../src/os/package-file.ts';
import { engineBinary } from '../../src/sandbox/engine-binary.ts';
import { writeAppDirectory } from './app-directory.ts';
import type { AppFiles } from './app-directory.ts';
import { startEngine } from './engine.ts';

const DRIVER = fileURLToPath(new URL('../../runtimes/nodejs/driver.ts', import.meta.url));
const QUICKJS = packageFile('dist/drivers/nodejs/quickjs.wasm');

/** Rights are given up where there are any. */
const NOBODY = process.getuid?.() === 0 ? { user: { uid: 65_534, gid: 65_534 } } : {};

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** A file to run and the directory it lies in, which is all a guest sees. */
export interface Program {
  readonly directory: string;
  readonly entry: string;
  /** Flags of Node. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const runNatively = ({ directory, entry, flags = [], env = {} }: Program): Promise<ProgramResult> =>
  new Promise((resolve) => {
    const child = execFile(
      engineBinary(),
      [...flags, join(directory, entry)],
      { cwd: directory, env: { ...env } },
      (_, stdout, stderr) => resolve({ stdout, stderr, status: child.exitCode }),
    );
  });

export const runAsGuest = async ({
  directory,
  entry,
  flags = [],
  env = {},
}: Program): Promise<ProgramResult> => {
  const { execArgv, options, envFiles } = takeNodeFlags([...flags, entry]).flags;
  const driverOptions: NodeOptions = {
    entry: join(directory, entry),
    workingDirectory: directory,
    execArgv,
    options,
    envFiles,
    snapshot: await snapshotFile(),
  };
  await using run = startEngine({
    guest: QUICKJS,
    driver: { path: DRIVER, options: driverOptions },
    args: ['node'],
    env,
    directories: [{ hostPath: directory, guestPath: directory, readOnly: false }],
    tmpfs: ['/tmp'],
    ...NOBODY,
  });
  const { status } = await run.ended;
  return { stdout: run.stdout(), stderr: run.stderr(), status };
};

/**
 * Writes an app down, runs it in both ways and expects the same output and exit status.
 * @param change - takes out of what is printed what may differ; numbers of processes are taken out anyway
 * @returns what the guest printed
 */
export const expectSame = async (
  files: AppFiles,
  entry: string,
  {
    flags = [],
    change = (text) => text,
  }: { flags?: readonly string[]; change?: (text: string) => string } = {},
): Promise<ProgramResult> => {
  await using app = await writeAppDirectory(files);
  // The guest is nobody.
  await chmod(app.path, 0o755);
  const program = { directory: app.path, entry, flags };
  const [native, guest] = await Promise.all([runNatively(program), runAsGuest(program)]);
  const told = ({ stdout, stderr, status }: ProgramResult): ProgramResult => ({
    stdout: change(stdout),
    stderr: change(stderr.replaceAll(/\(node:\d+\)/g, '(node)')),
    status,
  });
  expect(told(guest)).toEqual(told(native));
  return guest;
};
