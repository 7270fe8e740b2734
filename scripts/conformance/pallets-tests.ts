/** Own tests of projects of Pallets (Flask, Werkzeug), with everything they need, as an app. */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedNode } from '../../src/os/pinned-node.ts';
import { unpackFromSid } from '../debian-sid.ts';
import { openCacheDirectory } from './cache-directory.ts';
import { commitOf, extractTree } from './source-tree.ts';

/** The runner, as it lies beside the tests. */
export const RUNNER = 'pytest-runner.py';

const USER_BASE = 'native';

/** What all of them need; of the project under test only what was written down of it at its installation. */
const COMMON_PACKAGES = [
  ['flask', 'werkzeug', 'jinja2', 'click', 'itsdangerous', 'blinker', 'markupsafe'],
  ['pytest', 'pluggy', 'iniconfig', 'packaging', 'pygments'],
].flat();

export interface Project {
  /** In its package's name, and in headings. */
  readonly name: string;
  /** The directory of its sources, and what it is imported as. */
  readonly package: string;
  /** Tag whose tests are run. */
  readonly revision: string;
  /** What its tests are about, behind their name in a heading. */
  readonly subject: string;
  /** Do the tests start servers by `sys.executable`? Then they run natively, and what they start is the guest. */
  readonly startsServers: boolean;
  /** So many may fail in a guest of those that native CPython passes: what is promised. */
  readonly mayFail: number;
  /** A directory or a file, as pytest takes them. */
  readonly tests: string;
  /** What its tests need besides, by Debian's names without `python3-`. */
  readonly packages: readonly string[];
  /** In seconds, for a test that would wait for ever; absent where none does. */
  readonly timeout?: number;
}

export const PROJECTS: Readonly<Record<string, Project>> = {
  flask: {
    name: 'Flask',
    package: 'flask',
    revision: '3.1.3',
    subject: '',
    startsServers: false,
    mayFail: 3,
    tests: 'tests',
    packages: ['asgiref', 'dotenv', 'typing-extensions'],
  },
  werkzeug: {
    name: 'Werkzeug',
    package: 'werkzeug',
    revision: '3.1.8',
    subject: ' of its server',
    startsServers: true,
    // TLS, UNIX sockets and its reloader.
    mayFail: 6,
    tests: 'tests/test_serving.py',
    packages: ['ephemeral-port-reserve', 'pytest-timeout', 'watchdog', 'cryptography', 'cffi-backend'],
    timeout: 30,
  },
};

export interface ProjectTests {
  /** The tests with the runner, and beside them `site-packages` with the project itself. */
  readonly directory: string;
  /** What makes them packages of native CPython: PYTHONUSERBASE, see Python's `site`. */
  readonly userBase: string;
  /** Runs like `python3`, but in a sandbox: what guest-interpreter.ts can start. */
  readonly guestInterpreter: string;
}

/**
 * Lays tests and sources of a tag out beside what they need from Debian sid, where that is yet to do.
 * @param repository - a clone of the project's repository
 */
export const preparePallets = (project: Project, repository: string): ProjectTests => {
  const commit = commitOf(repository, project.revision);
  const directory = join(openCacheDirectory(), `${project.package}-${commit.slice(0, 12)}`);
  if (!existsSync(directory)) {
    const draft = `${directory}.new`;
    extractTree(repository, commit, draft, ['src', 'tests', 'pyproject.toml']);
    const names = [...COMMON_PACKAGES, ...project.packages].map((name) => `python3-${name}`);
    unpackFromSid(names, join(draft, 'debian'));
    const packages = join(draft, 'site-packages');
    renameSync(join(draft, 'debian/usr/lib/python3/dist-packages'), packages);
    rmSync(join(draft, 'debian'), { recursive: true });
    rmSync(join(packages, project.package), { recursive: true });
    renameSync(join(draft, 'src', project.package), join(packages, project.package));
    const userSite = join(draft, USER_BASE, 'lib/python3.14/site-packages');
    mkdirSync(dirname(userSite), { recursive: true });
    symlinkSync(join(directory, 'site-packages'), userSite);
    renameSync(draft, directory);
  }
  cpSync(fileURLToPath(new URL(RUNNER, import.meta.url)), join(directory, RUNNER));
  return {
    directory,
    userBase: join(directory, USER_BASE),
    guestInterpreter: writeInterpreter(directory),
  };
};

/** A program of Node that can be started by its path alone. */
const writeInterpreter = (directory: string): string => {
  const program = fileURLToPath(new URL('guest-interpreter.ts', import.meta.url));
  mkdirSync(join(directory, 'bin'), { recursive: true });
  const path = join(directory, 'bin/python');
  writeFileSync(path, `#!${pinnedNode()}\nimport(${JSON.stringify(program)});\n`, { mode: 0o755 });
  return path;
};
