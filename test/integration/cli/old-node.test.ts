/** On a Node that is too old the command becomes the pinned one, in the same process. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, readFile, readlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layOutCheckout } from './checkout.ts';

/** Node of the distribution, where it is older than the command needs. */
const SYSTEM_NODE = '/usr/bin/node';

const majorOf = (node: string): number => {
  try {
    return Number.parseInt(execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }), 10);
  } catch {
    return Number.NaN;
  }
};
const isOld = majorOf(SYSTEM_NODE) < 24;

test.runIf(isOld)(
  `${SYSTEM_NODE} becomes the pinned Node: same pid, same streams (needs an old one there)`,
  async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-old-node-'));
    const command = await layOutCheckout(directory.path);
    const child = spawn(SYSTEM_NODE, [command, '--version'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const [status] = (await once(child, 'close')) as [number];
    expect({ status, ...output }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  },
);

test.runIf(isOld)('signals reach it directly (needs an old Node)', async () => {
  // The build never ends, so there is time to look.
  await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-old-node-'));
  const command = await layOutCheckout(join(directory.path, 'checkout'));
  await writeFile(join(directory.path, '.wasmrun.toml'), '[build]\ncommand = "sleep 60"\n');
  const child = spawn(SYSTEM_NODE, [command, 'os', directory.path], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [firstLine] = (await once(child.stderr, 'data')) as [Buffer];
  expect(firstLine.toString()).toBe('building: sleep 60\n');
  expect(await readlink(`/proc/${child.pid}/exe`)).toMatch(/node-linux-[^/]+\/bin\/node$/);
  expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).toContain(
    `wasmrun.cjs\0os\0${directory.path}\0`,
  );
  child.kill('SIGTERM');
  const [, signal] = (await once(child, 'exit')) as [number | null, string];
  expect(signal).toBe('SIGTERM');
});
