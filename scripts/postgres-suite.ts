/**
 * Runs PostgreSQL's own regression tests against a database in a sandbox, over the forward, and against Debian's server:
 * what is identical with what the tests expect is the compatibility of `--language postgres`.
 *
 *   npm run suite:postgres -- [--source DIRECTORY] [--only copy] [--jobs 1] [--guest-only] [--show] [--keep] [--markdown]
 *                             [--document FILE]
 *
 * Tests, their runner (pg_regress), psql and the server beside it are those of PostgreSQL 18 in Debian sid, unpacked and
 * not installed; --source takes the tests from a directory instead, `src/test/regress` of a source tree. Neither server
 * has the tests' own library of C functions: what differs from what is expected in the same way with both is not
 * this project's. The order is that of `parallel_schedule`; --jobs runs so many files at once of those that may. `--only`
 * takes names of files, which then run alone and may lack what others have made; `--show` prints differences, `--keep` leaves all results in a temporary directory; `--markdown` writes
 * the table and all files that differ into docs/postgres-compatibility.md and keeps the reasons that stand there.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdownTable, printTable } from '../bench/table.ts';
import { INSTALLATION } from '../runtimes/postgres/postgres-options.ts';
import { freePort } from '../test/helpers/free-port.ts';
import { updateDocument } from './conformance/compatibility-document.ts';
import { NOBODY, initialize, startNative } from './conformance/native-postgres.ts';
import { percentage } from './conformance/node-report.ts';
import { startPostgresGuest } from './conformance/postgres-guest.ts';
import { untilFirstQuery } from './conformance/postgres-query.ts';
import { REGRESSION_HEADINGS, regressionFailures, regressionRow } from './conformance/postgres-report.ts';
import { layOutRegression, runRegression } from './conformance/postgres-tests.ts';
import type { RegressionResults } from './conformance/postgres-tests.ts';
import { prepareDebianPostgres } from './debian-postgres.ts';

const { values } = parseArgs({
  options: {
    source: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string', default: '1' },
    'guest-only': { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    document: {
      type: 'string',
      default: fileURLToPath(new URL('../docs/postgres-compatibility.md', import.meta.url)),
    },
  },
});

/** So many of all files at least are identical, or differ for reasons that are listed. */
const PROMISED = 0.85;

const postgres = prepareDebianPostgres();
const tests = values.source === undefined ? postgres.tests : resolve(values.source);
// What psql writes the server is to be able to write as well.
process.umask(0);
const root = mkdtempSync(join(tmpdir(), 'wasmrun-postgres-suite-'));
chmodSync(root, 0o755);

/** A directory for the tests of one server. */
const layOut = (name: string): string => {
  const directory = join(root, name);
  mkdirSync(directory);
  layOutRegression(tests, directory);
  return directory;
};

const run = (server: { port: number; libraries: string }, directory: string): Promise<RegressionResults> =>
  runRegression(postgres, server, { directory, only: values.only, jobs: Number(values.jobs) });

const runNative = async (): Promise<RegressionResults> => {
  const directory = layOut('native');
  const data = join(root, 'data');
  initialize(postgres, data);
  await using server = startNative(postgres, data, { port: await freePort(), settings: { fsync: 'off' } });
  await untilFirstQuery(server.port);
  return await run({ port: server.port, libraries: postgres.libraries }, directory);
};

const runGuest = async (): Promise<RegressionResults> => {
  const directory = layOut('guest');
  const app = join(root, 'app');
  mkdirSync(app);
  chownSync(app, NOBODY, NOBODY);
  const prefix = `s${randomBytes(3).toString('hex')}`;
  await using guest = await startPostgresGuest(app, { prefix, mounts: [`${directory}:${directory}`] });
  await untilFirstQuery(guest.port);
  return await run({ port: guest.port, libraries: `${INSTALLATION}/lib/postgresql` }, directory);
};

/** Writes the section of the document; returns whether every file that differs has a reason. */
const document = (
  rows: readonly (readonly string[])[],
  failures: ReturnType<typeof regressionFailures>,
): boolean => {
  const summary = [
    `Tests of PostgreSQL ${postgres.version}, run by its own runner and psql. “As natively” is what Debian's server of that version prints as well, without the library of C functions that these tests come with.`,
    markdownTable(REGRESSION_HEADINGS, rows),
    'Files that differ from what is expected:',
  ].join('\n\n');
  return updateDocument(values.document, 'PostgreSQL', {
    title: "PostgreSQL's own tests",
    summary,
    failures,
  });
};

try {
  const native = values['guest-only'] ? undefined : await runNative();
  const guest = await runGuest();
  const rows = [
    ...(native === undefined ? [] : [regressionRow(`Debian's ${postgres.version}`, native)]),
    regressionRow('guest', guest, native),
  ];
  printTable(REGRESSION_HEADINGS, rows);
  const failures = regressionFailures(guest, native);
  for (const { name, complaint } of failures) console.log(`${name}\n    ${complaint}`);
  if (values.show)
    for (const [name, { differences }] of guest)
      if (differences.length > 0) console.log(`\n${name}\n${differences.join('\n')}`);
  const isExplained = !values.markdown || document(rows, failures);
  const rate = 1 - failures.length / guest.size;
  if (rate < PROMISED) console.log(`\nidentical are ${percentage(rate, 1)}: the rest needs its reasons`);
  process.exitCode = isExplained ? 0 : 1;
} finally {
  if (values.keep) console.log(`\nresults are in ${root}`);
  else rmSync(root, { recursive: true });
}
