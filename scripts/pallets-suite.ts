/**
 * Runs Flask's own tests by native CPython and inside a guest; or Werkzeug's own tests of its server, by native CPython,
 * with native CPython and then a guest as the interpreter that they start.
 *
 *   npm run suite:flask -- REPOSITORY [--revision 3.1.3] [--only TEST] [--native-only] [--show] [--markdown]
 *                          [--document FILE]
 *   npm run suite:werkzeug -- REPOSITORY [--revision 3.1.8] …
 *
 * REPOSITORY is a clone of pallets/flask, pallets/werkzeug: packages have no tests. What they need, and native CPython,
 * come from Debian sid; all is unpacked outside of this repository, and nothing is installed. `--only` takes pytest's
 * name of a test, as `tests/test_basic.py::test_options_work`; `--show` prints what pytest says; `--markdown` writes
 * what fails into docs/python-compatibility.md and keeps the reasons that stand there.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable, printTable } from '../bench/table.ts';
import type { NodeCommand } from '../test/helpers/nodejs-command.ts';
import { pythonGuestCommand } from '../test/helpers/python-command.ts';
import { updateDocument } from './conformance/compatibility-document.ts';
import { prepareDebianPython } from './conformance/debian-python.ts';
import type { TestOutcome } from './conformance/node-tests.ts';
import { PROJECTS, RUNNER, preparePallets } from './conformance/pallets-tests.ts';
import { runModule } from './conformance/python-tests.ts';
import { OUTCOME_HEADINGS, failuresIn, guestFailures, outcomeRow } from './conformance/suite-outcome.ts';
import type { SuiteOutcome } from './conformance/suite-outcome.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    revision: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    'native-only': { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    document: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/python-compatibility.md', import.meta.url)),
    },
  },
});

const [projectName, repository] = positionals;
const known = PROJECTS[projectName ?? ''];
if (known === undefined || repository === undefined) {
  throw new Error(`which project, of ${Object.keys(PROJECTS).join(', ')}, and which repository is it in?`);
}
const project = { ...known, revision: values.revision ?? known.revision };
const { directory, userBase, guestInterpreter } = preparePallets(project, repository);
const { version, interpreter } = prepareDebianPython();
const prefix = `s${randomBytes(3).toString('hex')}`;

/** The tests by native CPython; what they start is native as well, unless told otherwise. */
const nativeCommand = (args: readonly string[], started?: string): NodeCommand => ({
  file: interpreter,
  args: [
    RUNNER,
    ...args,
    ...(project.timeout === undefined ? [] : ['--timeout', String(project.timeout)]),
    ...(started === undefined ? [] : ['--interpreter', started]),
  ],
  cwd: directory,
  env: {
    ...process.env,
    PYTHONUSERBASE: userBase,
    PYTHONDONTWRITEBYTECODE: '1',
    SUITE_PREFIX: prefix,
  },
});

/** The tests themselves in a guest, or what they start. */
const guestCommand = (args: readonly string[]): NodeCommand =>
  project.startsServers
    ? nativeCommand(args, guestInterpreter)
    : pythonGuestCommand({ directory, module: RUNNER, args }, { prefix, name: `${project.package}-suite` });

const run = async (command: (args: readonly string[]) => NodeCommand): Promise<SuiteOutcome> => {
  const tests = new Map<string, TestOutcome>();
  await runModule(project.tests, {
    command,
    only: values.only,
    expected: [],
    shows: values.show,
    keep: (name, outcome) => tests.set(name, outcome),
  });
  return { tests, isComplete: true };
};

const native = await run(nativeCommand);
const guest = values['native-only'] ? undefined : await run(guestCommand);
const rows = [
  outcomeRow(`CPython ${version}`, native),
  ...(guest === undefined ? [] : [outcomeRow('guest, CPython 3.14.2', guest)]),
];
printTable(OUTCOME_HEADINGS, rows);
const failures = guest === undefined ? failuresIn(native) : guestFailures(native, guest);
for (const { name, complaint } of failures) console.log(`${name}\n    ${complaint}`);

/** Writes the section of the document; returns whether every failure there has a reason. */
const document = (): boolean => {
  const title = `${project.name} ${project.revision}'s own tests${project.subject}`;
  const nativeFailures = failuresIn(native).map(({ name, complaint }) => `\`${name}\` (${complaint})`);
  const summary = [
    markdownTable(OUTCOME_HEADINGS, rows),
    ...(nativeFailures.length === 0 ? [] : [`Native CPython fails as well: ${nativeFailures.join(', ')}.`]),
  ];
  return updateDocument(values.document, 'Python', { title, summary: summary.join('\n\n'), failures });
};

const isExplained = !values.markdown || document();
process.exitCode = failures.length <= project.mayFail && isExplained ? 0 : 1;
