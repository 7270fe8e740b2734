/**
 * Runs CPython's own tests of sockets, asyncio and threads by native CPython and inside a guest: what becomes of those
 * that native CPython passes is the compatibility of `--language python`.
 *
 *   npm run suite:python -- [--only TEXT] [--failed] [--resume] [--native-only] [--show] [--markdown]
 *                           [--document FILE]
 *
 * Tests and native CPython come from Debian sid, are unpacked outside of this repository, and not installed. Outcomes
 * are remembered there: native CPython runs once; in the guest `--failed` runs what did not pass the last time,
 * `--resume` what has not run yet. `--only` takes part of a test's name, as `test_queue` or `testRecv`; `--show` prints what the tests say;
 * `--markdown` writes the table and all failures into docs/python-compatibility.md and keeps the reasons there.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable, printTable } from '../bench/table.ts';
import type { NodeCommand } from '../test/helpers/nodejs-command.ts';
import { pythonGuestCommand } from '../test/helpers/python-command.ts';
import { updateDocument } from './conformance/compatibility-document.ts';
import { RUNNER, prepareDebianPython } from './conformance/debian-python.ts';
import { percentage, printFailures } from './conformance/node-report.ts';
import { isKept, pythonFailures, pythonTable, skippedBecause } from './conformance/python-report.ts';
import type { PythonResults } from './conformance/python-report.ts';
import { MODULES, PROMISED, runModule } from './conformance/python-tests.ts';
import { TestResults } from './conformance/test-results.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    failed: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    'native-only': { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    document: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/python-compatibility.md', import.meta.url)),
    },
  },
});

const TITLE = "CPython's own tests";

const { version, interpreter, app } = prepareDebianPython();
const results = (name: string): TestResults =>
  new TestResults(join(dirname(app), `${name}-${version.replaceAll('/', '_')}.json`));
const native = results('native');
const guest = results('guest');

const nativeCommand = (args: readonly string[]): NodeCommand => ({
  file: interpreter,
  args: [RUNNER, ...args],
  cwd: app,
  env: { ...process.env, ...(values.show && { SUITE_SHOW: '1' }) },
});

const prefix = `s${randomBytes(3).toString('hex')}`;
const guestCommand = (args: readonly string[]): NodeCommand =>
  pythonGuestCommand(
    { directory: app, module: RUNNER, args, ...(values.show && { env: { SUITE_SHOW: '1' } }) },
    { prefix, name: 'python-suite' },
  );

/** Names that have to do with a module: its tests, and itself where it skips itself. */
const namesOf = (known: TestResults, module: string): string[] =>
  known.names().filter((name) => name === module || name.startsWith(`${module}.`));

/** What native CPython passes of a module. */
const passingIn = (module: string): string[] => namesOf(native, module).filter((name) => native.passes(name));

/** Tests of a module that are to run in the guest; none at all for all of them. */
const chosen = (module: string): string[] | undefined => {
  const passing = passingIn(module);
  const wanted = passing.filter(
    (name) =>
      name.includes(values.only) &&
      (!values.failed || !guest.passes(name)) &&
      (!values.resume || (guest.of(name) ?? guest.of(module)) === undefined),
  );
  if (wanted.length === 0) return undefined;
  return wanted.length === passing.length ? [] : wanted;
};

const run = async (
  module: string,
  way: { known: TestResults; command: (args: readonly string[]) => NodeCommand; only: readonly string[] },
): Promise<void> => {
  const name = way.known === native ? 'native' : 'guest';
  console.error(`${name} ${module} ${way.only.length === 0 ? '' : `(${way.only.length} tests)`}`);
  await runModule(module, {
    command: way.command,
    only: way.only,
    expected: passingIn(module),
    shows: values.show,
    keep: (test, outcome) => {
      way.known.keep(test, outcome);
      if (outcome.verdict === 'fail') console.error(`${name} fail ${test} ${outcome.complaint ?? ''}`);
    },
  });
};

for (const module of MODULES) {
  if (namesOf(native, module).length === 0)
    await run(module, { known: native, command: nativeCommand, only: [] });
  const only = values['native-only'] ? undefined : chosen(module);
  if (only !== undefined) await run(module, { known: guest, command: guestCommand, only });
}

const measured: PythonResults = { modules: MODULES, native, guest };
const { headings, rows } = pythonTable(measured);
console.log();
printTable(headings, rows);
const failures = pythonFailures(measured);
printFailures(failures);
const skipped = skippedBecause(measured);
console.log('\nnot compiled in\n');
for (const [reason, names] of skipped) console.log(`${String(names.length).padStart(4)}  ${reason}`);

/** Writes the section of the document; returns whether every failure there has a reason. */
const document = (): boolean => {
  const summary = [
    `Tests of CPython ${version}, run by it and, in a guest, by CPython 3.14.2. Counted is what native CPython passes and the guest's has compiled in: the others skip themselves.`,
    markdownTable(headings, rows),
    'What is not compiled in, in the words of the tests:',
    markdownTable(
      ['tests', 'they say'],
      skipped.map(([reason, names]) => [String(names.length), reason.replaceAll('|', String.raw`\|`)]),
    ),
  ].join('\n\n');
  return updateDocument(values.document, 'Python', { title: TITLE, summary, failures });
};

const isPromiseKept = isKept(measured);
if (!isPromiseKept) console.log(`\nless than promised, ${percentage(PROMISED, 1)}`);
const isExplained = !values.markdown || document();
process.exitCode = isPromiseKept && isExplained ? 0 : 1;
