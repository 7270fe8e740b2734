/**
 * Packages from Debian sid, and sources of them, for what this machine's Debian has in older versions: downloaded by apt with lists of its own,
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
export const unpackFromSid = (packages: readonly string[], directory: string): string[] =>
  withSid(`${directory}.apt`, 'deb', (apt, archives) => {
    apt('download', ...packages);
    mkdirSync(directory, { recursive: true });
    const names = globSync('*.deb', { cwd: archives });
    for (const archive of names) {
      run('dpkg-deb', ['--extract', join(archives, archive), directory], archives);
    }
    return names;
  });

/**
 * Downloads the sources of a package as their authors have published them, and unpacks a part of them.
 * @param directory - for that part, in place of the directory that the archive begins with; made
 * @param path - of the part within the archive
 * @throws {Error} where a step fails; the program has said why
 */
export const unpackSourceFromSid = (name: string, directory: string, path: string): void =>
  withSid(`${directory}.apt`, 'deb-src', (apt, archives) => {
    apt('source', '--download-only', name);
    const [archive] = globSync('*.orig.tar.*', { cwd: archives });
    if (archive === undefined) throw new Error(`${name} has no sources of its authors`);
    mkdirSync(directory, { recursive: true });
    const places = ['-C', directory, '--strip-components=1', '--wildcards', `*/${path}`];
    run('tar', ['-x', '-f', archive, ...places], archives);
  });

/** Has something done with apt as on Debian sid, and with a directory for what it downloads. */
const withSid = <Result>(
  work: string,
  kind: 'deb' | 'deb-src',
  action: (apt: (...args: readonly string[]) => void, archives: string) => Result,
): Result => {
  rmSync(work, { recursive: true, force: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(work, name), { recursive: true });
  }
  const sources = join(work, 'sources.list');
  // Signed as all of Debian is: the keys of this machine's own are asked.
  writeFileSync(sources, `${kind} ${mirror()} sid main\n`);
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    // The directory is ours, not that of apt's own user.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const archives = join(work, 'packages');
  const apt = (...args: readonly string[]): void => run('apt-get', [...settings, '-qq', ...args], archives);
  apt('update');
  const result = action(apt, archives);
  rmSync(work, { recursive: true });
  return result;
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
