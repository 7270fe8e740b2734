/** An app is run by plain Node and as a guest, and has to print the same and to end with the same status. */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { pinnedNode } from '../../src/os/pinned-node.ts';
import { writeAppDirectory } from './app-directory.ts';
import type { AppFiles } from './app-directory.ts';
import { startNodeGuest } from './node-guest.ts';

/** Rights are given up where there are any. */
const NOBODY = process.getuid?.() === 0 ? { user: { uid: 65_534, gid: 65_534 } } : {};

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

interface Script {
  readonly directory: string;
  readonly script: string;
  /** Of Node. */
  readonly flags: readonly string[];
}

const runNatively = ({ directory, script, flags }: Script): Promise<Output> =>
  new Promise((resolve) => {
    const child = execFile(
      pinnedNode(),
      [...flags, join(directory, script)],
      { cwd: directory, env: {} },
      (_, stdout, stderr) => resolve({ stdout, stderr, status: child.exitCode }),
    );
  });

const runAsGuest = async (script: Script): Promise<Output> => {
  await using run = startNodeGuest({ ...script, ...NOBODY });
  const { status } = await run.ended;
  return { stdout: run.stdout(), stderr: run.stderr(), status };
};

/** Writes an app down and runs it as a guest alone; `path` is where it was. */
export const outputOfGuest = async (
  files: AppFiles,
  script: string,
): Promise<Output & { readonly path: string }> => {
  await using app = await writeAppDirectory(files);
  // The guest is nobody.
  await chmod(app.path, 0o755);
  return { ...(await runAsGuest({ directory: app.path, script, flags: [] })), path: app.path };
};

/**
 * Writes an app down, runs it in both ways and expects the same.
 * @param change - takes out of what is printed what may differ; numbers of processes are taken out anyway
 * @returns what the guest printed
 */
export const expectSame = async (
  files: AppFiles,
  script: string,
  {
    flags = [],
    change = (text) => text,
  }: { flags?: readonly string[]; change?: (text: string) => string } = {},
): Promise<Output> => {
  await using app = await writeAppDirectory(files);
  await chmod(app.path, 0o755);
  const both = { directory: app.path, script, flags };
  const [native, guest] = await Promise.all([runNatively(both), runAsGuest(both)]);
  const told = ({ stdout, stderr, status }: Output): Output => ({
    stdout: change(stdout),
    stderr: change(stderr.replaceAll(/\(node:\d+\)/g, '(node)')),
    status,
  });
  expect(told(guest)).toEqual(told(native));
  return guest;
};
