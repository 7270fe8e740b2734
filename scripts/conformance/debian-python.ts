/**
 * CPython and its own tests from Debian sid: downloaded by apt with lists of its own, and unpacked into a directory;
 * nothing is installed. The interpreter is of another libc than this machine's, and brings it along.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCacheDirectory } from './cache-directory.ts';

/** The minor version of the runtime's interpreter. */
const PYTHON = 'python3.14';
/** The interpreter, its tests, and what its modules are linked with. */
const PACKAGES = [
  [`lib${PYTHON}-testsuite`, PYTHON, `${PYTHON}-minimal`, `lib${PYTHON}-minimal`, `lib${PYTHON}-stdlib`],
  ['libc6', 'libgcc-s1', 'libssl3t64', 'zlib1g', 'libexpat1', 'libbz2-1.0', 'libffi8', 'liblzma5'],
  ['libncursesw6', 'libtinfo6', 'libreadline8t64', 'libsqlite3-0', 'libuuid1', 'libzstd1', 'netbase'],
].flat();

/** Starts the interpreter by its own dynamic linker, as often as a test starts it. */
const WRAPPER = `#!/bin/sh
root=$(dirname "$0")/../..
set -- --library-path "$root/usr/lib/x86_64-linux-gnu" --argv0 "$0" "$root/usr/bin/${PYTHON}.elf" "$@"
exec "$root/usr/lib64/ld-linux-x86-64.so.2" "$@"
`;

/** The runner, as it lies beside the tests. */
export const RUNNER = 'python-runner.py';

export interface DebianPython {
  /** Of CPython and its tests, as Debian writes it. */
  readonly version: string;
  /** Runs like `python3`. */
  readonly interpreter: string;
  /** The same without the shell between: file and first arguments. */
  readonly command: readonly [string, ...string[]];
  /** The tests with their runner, as an app. */
  readonly app: string;
}

/** Gets all that, where that is yet to do; needs apt, not root. A newer one is got where the old one is removed. */
export const prepareDebianPython = (): DebianPython => {
  const directory = join(openCacheDirectory(), PYTHON);
  if (!existsSync(directory)) {
    const draft = `${directory}.new`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(join(draft, 'root'), { recursive: true });
    for (const archive of download(draft)) {
      execFileSync('dpkg-deb', ['-x', archive, join(draft, 'root')]);
    }
    layOut(draft);
    renameSync(draft, directory);
  }
  const app = join(directory, 'app');
  cpSync(fileURLToPath(new URL(RUNNER, import.meta.url)), join(app, RUNNER));
  const root = join(directory, 'root');
  return {
    version: versionIn(directory),
    interpreter: join(root, 'usr/bin', PYTHON),
    command: [
      join(root, 'usr/lib64/ld-linux-x86-64.so.2'),
      '--library-path',
      join(root, 'usr/lib/x86_64-linux-gnu'),
      join(root, 'usr/bin', `${PYTHON}.elf`),
    ],
    app,
  };
};

/** Downloads the packages; their files. */
const download = (directory: string): string[] => {
  for (const name of ['lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  const mirror = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  const [site] = mirror.split('\n');
  if (site === undefined || site === '') throw new Error('apt knows no mirror of Debian');
  const sources = join(directory, 'sources.list');
  // Debian's keys of today need not be known to an older Debian; nothing of it is installed or run as root's own.
  writeFileSync(sources, `deb [trusted=yes] ${site} sid main\n`);
  const settings = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${join(directory, 'lists')}`,
    `Dir::Cache=${join(directory, 'cache')}`,
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  const packages = join(directory, 'packages');
  const apt = (...args: string[]): void => {
    execFileSync('apt-get', [...settings, '-qq', ...args], {
      cwd: packages,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  };
  apt('update');
  apt('download', ...PACKAGES);
  return globSync('*.deb', { cwd: packages })
    .toSorted()
    .map((name) => join(packages, name));
};

/** An interpreter that starts, and an app of the tests. */
const layOut = (directory: string): void => {
  const binary = join(directory, 'root/usr/bin', PYTHON);
  renameSync(binary, `${binary}.elf`);
  writeFileSync(binary, WRAPPER);
  chmodSync(binary, 0o755);
  mkdirSync(join(directory, 'app'));
  cpSync(join(directory, 'root/usr/lib', PYTHON, 'test'), join(directory, 'app/test'), { recursive: true });
  for (const name of ['lists', 'cache']) rmSync(join(directory, name), { recursive: true });
};

const versionIn = (directory: string): string => {
  const [name = ''] = globSync(`lib${PYTHON}-testsuite_*.deb`, { cwd: join(directory, 'packages') });
  return /_(.*)_/.exec(name)?.[1] ?? 'unknown version';
};
