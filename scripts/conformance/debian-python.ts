/**
 * CPython and its own tests from Debian sid: downloaded by apt with lists of its own, and unpacked into a directory;
 * nothing is installed. The interpreter is of another libc than this machine's, and brings it along.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackFromSid } from '../debian-sid.ts';
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

/** A file with the version of CPython and its tests, as Debian writes it. */
const VERSION = 'version';

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
    const archives = unpackFromSid(PACKAGES, join(draft, 'root'));
    layOut(draft);
    const [, version = 'unknown version'] = /testsuite_(.*)_/.exec(archives.join('\n')) ?? [];
    writeFileSync(join(draft, VERSION), version);
    renameSync(draft, directory);
  }
  const app = join(directory, 'app');
  cpSync(fileURLToPath(new URL(RUNNER, import.meta.url)), join(app, RUNNER));
  const root = join(directory, 'root');
  return {
    version: readFileSync(join(directory, VERSION), 'utf8'),
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

/** An interpreter that starts, and an app of the tests. */
const layOut = (directory: string): void => {
  const binary = join(directory, 'root/usr/bin', PYTHON);
  renameSync(binary, `${binary}.elf`);
  writeFileSync(binary, WRAPPER);
  chmodSync(binary, 0o755);
  mkdirSync(join(directory, 'app'));
  cpSync(join(directory, 'root/usr/lib', PYTHON, 'test'), join(directory, 'app/test'), { recursive: true });
};
