/** PostgreSQL's own regression tests, run by its own runner (src/test/regress, pg_regress) against a server that is there. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianPostgres } from '../debian-postgres.ts';
import { runBounded } from './bounded-run.ts';
import { directoryOfNobody } from './native-postgres.ts';

const MINUTE_MS = 60_000;
const PATIENCE_MS = 60 * MINUTE_MS;
/** The longest test takes a few seconds. */
const SILENCE_MS = 5 * MINUTE_MS;

export interface TestedServer {
  readonly port: number;
  /** Where the server has modules that it loads. */
  readonly libraries: string;
}

export interface RegressionOptions {
  /** Absolute; what the server reads and writes, and clients, under the same path. */
  readonly directory: string;
  /** Names of files; by default all, in the order of the schedule. */
  readonly only: readonly string[];
  /** So many files at once, at most, of those that may run at once. */
  readonly jobs: number;
}

/** How a file went. */
export interface RegressionOutcome {
  readonly isIdentical: boolean;
  /** What was printed, without what depends on where things are. */
  readonly output: string;
  /** Lines that were not expected or that are missing. */
  readonly differences: readonly string[];
}

export type RegressionResults = ReadonlyMap<string, RegressionOutcome>;

/** Lays out tests, and a directory for what they write, in one that the server can reach. */
export const layOutRegression = (tests: string, directory: string): void => {
  cpSync(tests, join(directory, 'input'), { recursive: true });
  mkdirSync(join(directory, 'output'));
  // Server and clients write there, under different users.
  directoryOfNobody(join(directory, 'output/results'));
};

/**
 * Runs the tests. Of what a server has done before, nothing may be left.
 * @throws {Error} where the runner does not get to its end
 */
export const runRegression = async (
  postgres: DebianPostgres,
  { port, libraries }: TestedServer,
  { directory, only, jobs }: RegressionOptions,
): Promise<RegressionResults> => {
  const [input, output] = [join(directory, 'input'), join(directory, 'output')];
  const schedule = only.length > 0 ? only : [`--schedule=${join(input, 'parallel_schedule')}`];
  const { output: said, isTimedOut } = await runBounded(
    {
      file: postgres.testRunner,
      args: [
        [`--inputdir=${input}`, `--expecteddir=${input}`, `--outputdir=${output}`],
        [`--bindir=${join(postgres.program('psql'), '..')}`, `--dlpath=${libraries}`],
        ['--host=127.0.0.1', `--port=${port}`, '--user=postgres'],
        ['--encoding=UTF8', '--no-locale', `--max-connections=${jobs}`, ...schedule],
      ].flat(),
      cwd: output,
      env: process.env,
    },
    { timeoutMs: PATIENCE_MS, silenceMs: SILENCE_MS },
  );
  // The plan of the Test Anything Protocol is its last word.
  if (isTimedOut || !/^1\.\.\d+$/m.test(said))
    throw new Error(`the tests did not get to their end:\n${said}`);
  const places: readonly Place[] = [
    [libraries, 'LIBDIR'],
    [directory, 'DIRECTORY'],
  ];
  return readResults(output, readVerdicts(said), places);
};

/** A path, and what stands for it wherever it is. */
type Place = readonly [path: string, name: string];

const withoutPlaces = (text: string, places: readonly Place[]): string =>
  places.reduce((rest, [path, name]) => rest.replaceAll(path, name), text);

/** What pg_regress says of each file: `ok 1 - NAME 5 ms`, with a plus for those that run at once. */
export const readVerdicts = (said: string): Map<string, boolean> =>
  new Map(
    [...said.matchAll(/^(not )?ok \d+ +[-+] (\S+)/gm)].map(([, failed, name = '']) => [
      name,
      failed === undefined,
    ]),
  );

const readResults = (
  output: string,
  verdicts: ReadonlyMap<string, boolean>,
  places: readonly Place[],
): RegressionResults => {
  const hasFailures = [...verdicts.values()].includes(false);
  const differences = readDifferences(
    hasFailures ? readFileSync(join(output, 'regression.diffs'), 'utf8') : '',
  );
  const text = (name: string): string =>
    withoutPlaces(readFileSync(join(output, 'results', `${name}.out`), 'utf8'), places);
  return new Map(
    [...verdicts].map(([name, isIdentical]) => [
      name,
      {
        isIdentical,
        output: isIdentical ? '' : text(name),
        differences: (differences.get(name) ?? []).map((line) => withoutPlaces(line, places)),
      },
    ]),
  );
};

/** Lines of `regression.diffs` that differ, with their sign, by file. */
export const readDifferences = (text: string): Map<string, string[]> =>
  new Map(
    text
      .split(/^diff -U3 /m)
      .slice(1)
      .map((part) => {
        // After its own line come the names of both files.
        const [head = '', , , ...lines] = part.split('\n');
        const [, name = head] = /results\/(\S+)\.out$/.exec(head) ?? [];
        return [name, lines.filter((line) => /^[-+]/.test(line))];
      }),
  );
