/**
 * Packages from Debian sid, for what this machine's Debian has in older versions: downloaded by apt with lists of its own,
 * and unpacked into a directory. Nothing is installed.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Downloads packages, without those they depend on, and unpacks them all into one tree. Needs apt, not root.
 * @param directory - for the tree; made, and left half done where a step fails
 * @returns names of the packages' files, which tell their versions
 * @throws {Error} where a step fails; the program has said why
 */
export const unpackFromSid = (packages: readonly string[], directory: string): string[] => {
  const work = `${directory}.apt`;
  rmSync(work, { recursive: true, force: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(work, name), { recursive: true });
  }
  const sources = join(work, 'sources.list');
  // Signed as all of Debian is: the keys of this machine's own are asked.
  writeFileSync(sources, `deb ${mirror()} sid main\n`);
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    // The directory is ours, not that of apt's own user.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const archives = join(work, 'packages');
  run('apt-get', [...settings, '-qq', 'update'], archives);
  run('apt-get', [...settings, '-qq', 'download', ...packages], archives);
  mkdirSync(directory, { recursive: true });
  const names = globSync('*.deb', { cwd: archives });
  for (const archive of names) {
    run('dpkg-deb', ['--extract', join(archives, archive), directory], archives);
  }
  rmSync(work, { recursive: true });
  return names;
};

/** Where this machine gets Debian from. */
const mirror = (): string => {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  const first = stdout.split('\n').find((line) => !line.includes('security'));
  if (first === undefined || first === '') throw new Error('apt knows no mirror of Debian');
  return first;
};

const run = (file: string, args: readonly string[], cwd: string): void => {
  const { status } = spawnSync(file, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${file} ${args.at(-1)} failed`);
};
