/** Express's own tests with everything they need, and what they say. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCacheDirectory } from './cache-directory.ts';
import type { TestOutcome } from './node-tests.ts';
import { commitOf, extractTree } from './source-tree.ts';
import type { SuiteOutcome } from './suite-outcome.ts';

/** The runner, as it lies beside the tests. */
export const RUNNER = 'wasmrun-mocha-runner.cjs';

/** For working on Express, not for its tests. */
const NOT_NEEDED: ReadonlySet<string> = new Set(['eslint', 'nyc']);

interface Manifest {
  readonly version: string;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const readManifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;

export interface ExpressTests {
  readonly directory: string;
  readonly version: string;
}

/** Lays Express's files of a commit out and installs from npm what its tests need, where that is yet to do. */
export const prepareExpress = (repository: string, revision: string): ExpressTests => {
  const commit = commitOf(repository, revision);
  const directory = join(openCacheDirectory(), `express-${commit.slice(0, 12)}`);
  if (!existsSync(directory)) {
    const incomplete = `${directory}.new`;
    extractTree(repository, commit, incomplete);
    const manifest = readManifest(incomplete);
    const devDependencies = Object.fromEntries(
      Object.entries(manifest.devDependencies).filter(([name]) => !NOT_NEEDED.has(name)),
    );
    writeFileSync(join(incomplete, 'package.json'), JSON.stringify({ ...manifest, devDependencies }));
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: incomplete,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    renameSync(incomplete, directory);
  }
  copyFileSync(fileURLToPath(new URL('mocha-runner.cjs', import.meta.url)), join(directory, RUNNER));
  return { directory, version: readManifest(directory).version };
};

interface RunnerLine extends TestOutcome {
  readonly test?: string;
  readonly end?: true;
}

const parseLine = (line: string): RunnerLine | undefined => {
  try {
    return line.startsWith('{') ? (JSON.parse(line) as RunnerLine) : undefined;
  } catch {
    // Something else that begins like a document, or the last line of a runner that was killed.
    return undefined;
  }
};

/** Reads what the runner printed. Of tests with the same title one that fails counts as another test. */
export const readOutcome = (output: string): SuiteOutcome => {
  const tests = new Map<string, TestOutcome>();
  let isComplete = false;
  for (const line of output.split('\n').map(parseLine)) {
    if (line?.end) isComplete = true;
    if (line?.test === undefined) continue;
    const { test, verdict, complaint } = line;
    let title = test;
    for (let count = 2; tests.has(title); count += 1) title = `${test} (${count})`;
    tests.set(title, { verdict, ...(complaint !== undefined && { complaint }) });
  }
  return { tests, isComplete };
};
