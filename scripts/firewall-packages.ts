/**
 * Brings ufw, firewalld and Docker's daemon for the tests, without installing them: an installed one would
 * start with this machine and change its rules. Their packages are unpacked into a directory of the checkout,
 * which a test then lays over /usr and /etc in a mount namespace of its own.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the packages hold, as a tree to lay over the root directory. */
export const FIREWALL_TREE = fileURLToPath(new URL('../.test-tools/firewalls', import.meta.url));

/** Debian's packages; apt adds what they depend on and this machine lacks. About 65 MB, 62 of them Docker's. */
const PACKAGES = ['ufw', 'firewalld', 'docker.io', 'containerd'];
/** Large, and of no use to a daemon that runs no container. */
const UNUSED = ['./usr/bin/docker', './usr/bin/ctr', './usr/bin/dnet', './usr/bin/containerd-shim*'];
/** Directories that are links into /usr on today's Debian; in a package they may still be directories. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * Downloads and unpacks the packages unless that has been done. Needs apt and root.
 * @returns false where a step failed; it has said so itself
 */
export const unpackFirewalls = (): boolean => {
  if (existsSync(FIREWALL_TREE)) return true;
  const draft = `${FIREWALL_TREE}.draft`;
  rmSync(draft, { recursive: true, force: true });
  const archives = join(draft, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  mkdirSync(join(draft, 'etc'));
  for (const name of MERGED) {
    mkdirSync(join(draft, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(draft, name));
  }
  if (!download(archives)) return false;
  for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    if (!unpack(join(archives, archive), draft)) return false;
  rmSync(archives, { recursive: true });
  renameSync(draft, FIREWALL_TREE);
  return true;
};

const download = (directory: string): boolean =>
  run(
    'apt-get',
    'install',
    '-y',
    '-qq',
    '--no-install-recommends',
    // Also what this machine has: the tree is to be the same everywhere.
    '--reinstall',
    '--download-only',
    '-o',
    `Dir::Cache::archives=${directory}`,
    ...PACKAGES,
  );

const unpack = (archive: string, directory: string): boolean => {
  const exclusions = UNUSED.map((path) => `--exclude=${path}`);
  const { stdout, status } = spawnSync('dpkg-deb', ['--fsys-tarfile', archive], {
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) return false;
  const tar = spawnSync('tar', ['-x', '--keep-directory-symlink', ...exclusions, '-C', directory], {
    input: stdout,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return tar.status === 0;
};

const run = (file: string, ...args: string[]): boolean =>
  spawnSync(file, args, { stdio: 'inherit' }).status === 0;
