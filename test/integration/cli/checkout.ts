/** The command as in a fresh checkout: a build that lies in `dist` may be older than the source under test. */
import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

/** Lays out a checkout without a build in `directory`, made of links to this one; returns its command. */
export const layOutCheckout = async (directory: string): Promise<string> => {
  await mkdir(join(directory, 'bin'), { recursive: true });
  for (const name of ['src', 'runtimes', 'node_modules', 'package.json']) {
    await symlink(join(ROOT, name), join(directory, name));
  }
  const command = join(directory, 'bin', 'wasmrun.cjs');
  await copyFile(join(ROOT, 'bin', 'wasmrun.cjs'), command);
  return command;
};
