/**
 * Runs Express's own tests with mocha by the pinned Node, and inside a guest.
 *
 *   npm run suite:express -- REPOSITORY [--revision v5.2.1 --revision v4.22.2] [--only res.send.js]
 *                            [--plain-only] [--instead NODE] [--markdown] [--document FILE]
 *
 * REPOSITORY is a clone of expressjs/express: its package on npm has no tests. What they need is installed
 * from npm outside of this repository. `--only` runs files of that name, `--instead` puts another Node in the
 * guest's place, to prove this script; `--markdown` writes what fails into docs/node-compatibility.md and
 * keeps the reasons that stand there.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { printTable } from '../bench/table.ts';
import { guestCommand, nativeCommand } from '../test/helpers/nodejs-command.ts';
import type { NodeCommand, NodeProgram } from '../test/helpers/nodejs-command.ts';
import { runBounded } from './conformance/bounded-run.ts';
import { updateDocument } from './conformance/compatibility-document.ts';
import type { Failure } from './conformance/compatibility-document.ts';
import { RUNNER, prepareExpress, readOutcome } from './conformance/express-tests.ts';
import {
  OUTCOME_HEADINGS,
  countOf,
  failuresIn,
  guestFailures,
  outcomeRow,
} from './conformance/suite-outcome.ts';
import type { SuiteOutcome } from './conformance/suite-outcome.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    revision: { type: 'string', multiple: true, default: ['v5.2.1', 'v4.22.2'] },
    only: { type: 'string', multiple: true, default: [] },
    'plain-only': { type: 'boolean', default: false },
    instead: { type: 'string' },
    markdown: { type: 'boolean', default: false },
    document: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/node-compatibility.md', import.meta.url)),
    },
  },
});

/** All of the tests take seconds natively; after so many ms something hangs. */
const TIMEOUT_MS = 300_000;
/** A line for each of some 1300 tests, and what they print besides. */
const OUTPUT_BYTES = 16 * 1024 * 1024;

const run = async (command: NodeCommand): Promise<SuiteOutcome> => {
  const ending = await runBounded(command, { timeoutMs: TIMEOUT_MS, outputBytes: OUTPUT_BYTES });
  const outcome = readOutcome(ending.output);
  if (!outcome.isComplete) {
    const last = [...outcome.tests.keys()].at(-1) ?? 'nothing';
    const how = ending.isTimedOut ? 'hangs' : `ends with ${ending.signal ?? `status ${ending.status}`}`;
    console.error(`the suite ${how} after: ${last}\n${ending.output.slice(-2000)}`);
  }
  return outcome;
};

/** Writes the section of a version; says how many failures have no reason yet. */
const document = (version: string, plain: SuiteOutcome, failures: readonly Failure[]): void => {
  const total = countOf(plain, 'pass');
  updateDocument(values.document, 'Node', {
    title: `Express ${version}'s own tests`,
    summary: `Plain Node ${process.versions.node} passes ${total} of ${plain.tests.size}, a guest ${total - failures.length} of these.`,
    failures,
  });
};

const [repository] = positionals;
if (repository === undefined) throw new Error('which repository are the tests in?');
const prefix = `s${randomBytes(3).toString('hex')}`;
const rows: string[][] = [];
const allFailures: string[] = [];
let isComplete = true;
for (const revision of values.revision) {
  const { directory, version } = prepareExpress(repository, revision);
  const env = { EXPRESS_SUITE_ONLY: values.only.join(',') };
  const program: NodeProgram = { directory, module: RUNNER, env };
  const plain = await run(nativeCommand(program));
  rows.push(outcomeRow(`Express ${version}, plain Node`, plain));
  isComplete &&= plain.isComplete;
  const listed = values['plain-only'] ? failuresIn(plain) : [];
  if (!values['plain-only']) {
    const { instead } = values;
    const guest = await run(
      instead === undefined
        ? guestCommand(program, { prefix, name: 'express' })
        : nativeCommand(program, instead),
    );
    rows.push(outcomeRow(`Express ${version}, ${instead ?? 'guest'}`, guest));
    isComplete &&= guest.isComplete;
    const failures = guestFailures(plain, guest);
    listed.push(...failures);
    if (values.markdown) document(version, plain, failures);
  }
  allFailures.push(...listed.map(({ name, complaint }) => `${version}: ${name}\n    ${complaint}`));
}
printTable(OUTCOME_HEADINGS, rows);
if (allFailures.length > 0) console.log(`\n${allFailures.join('\n')}`);
process.exitCode = allFailures.length === 0 && isComplete ? 0 : 1;
