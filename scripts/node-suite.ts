/**
 * Runs Node's own tests (test/parallel: http, net, stream, buffer, timers, events, url, path) by the pinned
 * Node, and those it passes inside a guest: what becomes of them is the compatibility of `--language nodejs`.
 *
 *   npm run suite:node -- REPOSITORY [--revision HEAD] [--groups http,net] [--only TEXT] [--failed] [--resume]
 *                         [--jobs 2] [--plain-only] [--instead NODE] [--show] [--markdown] [--document FILE]
 *
 * REPOSITORY is a clone of nodejs/node, or of denoland/node_test, which has nothing but its tests. Outcomes
 * are remembered outside of this repository: plain Node runs once for each of its versions and each commit of
 * the tests; in the guest `--failed` runs what did not pass the last time, `--resume` what has not run yet.
 * `--only` takes part of a file's name; `--show` prints what failing tests say; `--instead` puts another Node in
 * the guest's place, to prove this script; `--markdown` writes the table and all failures into
 * docs/node-compatibility.md and keeps the reasons that stand there.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, globSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable, printTable } from '../bench/table.ts';
import { guestCommand, nativeCommand } from '../test/helpers/nodejs-command.ts';
import type { NodeCommand, NodeProgram } from '../test/helpers/nodejs-command.ts';
import { runBounded } from './conformance/bounded-run.ts';
import { openCacheDirectory } from './conformance/cache-directory.ts';
import { updateDocument } from './conformance/compatibility-document.ts';
import {
  brokenPromises,
  denominator,
  exclusions,
  guestFailures,
  printFailures,
  suiteTable,
} from './conformance/node-report.ts';
import type { SuiteResults } from './conformance/node-report.ts';
import {
  TEST_PATHS,
  VERSION_FILES,
  findTests,
  judge,
  programOf,
  versionOf,
} from './conformance/node-tests.ts';
import type { NodeTest } from './conformance/node-tests.ts';
import { commitOf, extractTree } from './conformance/source-tree.ts';
import { TestResults } from './conformance/test-results.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    revision: { type: 'string', default: 'HEAD' },
    groups: { type: 'string' },
    only: { type: 'string' },
    failed: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    'plain-only': { type: 'boolean', default: false },
    instead: { type: 'string' },
    show: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    document: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/node-compatibility.md', import.meta.url)),
    },
  },
});

/** A test of plain Node takes a second; one that needs so long, in ms, hangs. */
const PLAIN_TIMEOUT_MS = 20_000;
const GUEST_TIMEOUT_MS = 40_000;
/** More than two tests at once disturb each other's timers on a small machine. */
const MOST_JOBS = 2;
const TITLE = "Node's own tests";

/** Temporary files of a test go where a guest may write (test/common/tmpdir.js). */
const inMemory = (program: NodeProgram): NodeProgram => ({
  ...program,
  env: { ...program.env, NODE_TEST_DIR: '/tmp' },
});

/** The tests of a commit, laid out once and for all. */
const layOutTests = (repository: string): { directory: string; commit: string } => {
  const commit = commitOf(repository, values.revision);
  const directory = join(openCacheDirectory(), `node-tests-${commit.slice(0, 12)}`);
  if (!existsSync(directory)) {
    const { absent } = extractTree(repository, commit, `${directory}.new`, [...TEST_PATHS, ...VERSION_FILES]);
    if (absent.length > 0) console.log(`not in the repository: ${absent.join(', ')}`);
    renameSync(`${directory}.new`, directory);
  }
  return { directory, commit };
};

interface Way {
  readonly name: string;
  readonly results: TestResults;
  readonly timeoutMs: number;
  command(program: NodeProgram, test: NodeTest): NodeCommand;
}

/** Runs tests, so many at once, and keeps each outcome. */
const runTests = async (directory: string, tests: readonly NodeTest[], way: Way): Promise<void> => {
  const queue = [...tests];
  const work = async (worker: number): Promise<void> => {
    for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
      const program = programOf(directory, test, `${process.pid}-${worker}`);
      const ending = await runBounded(way.command(program, test), { timeoutMs: way.timeoutMs });
      const outcome = judge(ending);
      way.results.keep(test.file, outcome);
      const done = tests.length - queue.length;
      if (outcome.verdict !== 'pass' || done % 50 === 0)
        console.error(
          `${way.name} ${done}/${tests.length} ${outcome.verdict} ${test.file} ${outcome.complaint ?? ''}`,
        );
      if (values.show && outcome.verdict === 'fail') console.error(ending.output);
    }
  };
  const jobs = Math.min(MOST_JOBS, Number(values.jobs));
  await Promise.all(Array.from({ length: jobs }, (_, index) => work(index)));
  // Directories of tests that were killed (test/common/tmpdir.js).
  for (const left of globSync(`test/.tmp.${process.pid}-*`, { cwd: directory }))
    rmSync(join(directory, left), { recursive: true, force: true });
};

/** Those that are to run again, and those that never ran. */
const toRun = (tests: readonly NodeTest[], results: TestResults): NodeTest[] =>
  tests.filter(({ file }) => {
    const outcome = results.of(file);
    if (outcome === undefined) return true;
    return values.failed ? outcome.verdict !== 'pass' : !values.resume;
  });

const report = (results: SuiteResults): void => {
  const { headings, rows } = suiteTable(results);
  console.log();
  printTable(headings, rows);
  console.log(`\nexcluded: ${exclusions(results).join(', ') || 'none'}`);
  const failures = guestFailures(results);
  printFailures(failures);
};

/** Writes the section of the document; returns whether every failure there has a reason. */
const document = (results: SuiteResults, version: string): boolean => {
  const { headings, rows } = suiteTable(results);
  const summary = [
    `test/parallel of Node ${version}, run by Node ${process.versions.node} and inside a guest. Counted is what plain Node passes.`,
    markdownTable(headings, rows),
    `Excluded: ${exclusions(results).join(', ')}.`,
  ].join('\n\n');
  const failures = guestFailures(results);
  return updateDocument(values.document, 'Node', { title: TITLE, summary, failures });
};

const [repository] = positionals;
if (repository === undefined) throw new Error('which repository are the tests in?');
const { directory, commit } = layOutTests(repository);
const version = versionOf(directory);
const wanted = values.groups?.split(',');
const tests = findTests(directory).filter(
  ({ group, file }) => (wanted?.includes(group) ?? true) && file.includes(values.only ?? ''),
);
const results = (name: string): TestResults =>
  new TestResults(join(openCacheDirectory(), `${name}-${process.version}-${commit.slice(0, 12)}.json`));

console.log(
  `${tests.length} tests of Node ${version}, commit ${commit.slice(0, 12)}; plain is ${process.version}`,
);
const plain = results('plain');
const included = tests.filter(({ exclusion }) => exclusion === undefined);
await runTests(
  directory,
  values['plain-only'] && values.failed
    ? toRun(included, plain)
    : included.filter(({ file }) => plain.of(file) === undefined),
  {
    name: 'plain',
    results: plain,
    timeoutMs: PLAIN_TIMEOUT_MS,
    command: (program) => nativeCommand(program),
  },
);

if (values['plain-only']) report({ tests, plain });
else {
  const { instead } = values;
  const prefix = `s${randomBytes(3).toString('hex')}`;
  const guest = results(instead === undefined ? 'guest' : `instead-${basename(instead)}`);
  const measured: SuiteResults = { tests, plain, guest };
  await runTests(directory, toRun(denominator(measured), guest), {
    name: 'guest',
    results: guest,
    timeoutMs: GUEST_TIMEOUT_MS,
    command: (program, { file }) =>
      instead === undefined
        ? guestCommand(inMemory(program), {
            prefix,
            name: `t${included.findIndex((each) => each.file === file)}`,
          })
        : nativeCommand(program, instead),
  });
  report(measured);
  const broken = brokenPromises(measured);
  if (broken.length > 0) console.log(`\nfewer than promised: ${broken.join(', ')}`);
  const isExplained = !values.markdown || document(measured, version);
  process.exitCode = broken.length === 0 && isExplained ? 0 : 1;
}
