/** What PostgreSQL's own tests tell: a table of counts, and the files that differ. */
import type { Failure } from './compatibility-document.ts';
import { percentage } from './node-report.ts';
import type { RegressionOutcome, RegressionResults } from './postgres-tests.ts';

export const REGRESSION_HEADINGS = [
  '',
  'files',
  'identical',
  'as natively',
  'differ',
  'identical or as natively',
];

/** Prints Debian's server the same, the library it lacks as well included? */
const isAsNatively = (
  name: string,
  { output }: RegressionOutcome,
  native: RegressionResults | undefined,
): boolean => native?.get(name)?.output === output;

/** A row of the table beneath {@link REGRESSION_HEADINGS}. */
export const regressionRow = (
  name: string,
  results: RegressionResults,
  native?: RegressionResults,
): string[] => {
  const different = [...results].filter(([, { isIdentical }]) => !isIdentical);
  const alike = different.filter(([file, outcome]) => isAsNatively(file, outcome, native)).length;
  const identical = results.size - different.length;
  const counts = [results.size, identical, alike, different.length - alike].map(String);
  return [name, ...counts, percentage(identical + alike, results.size)];
};

/** Files that are not identical with what is expected, with the first lines that differ. */
export const regressionFailures = (guest: RegressionResults, native?: RegressionResults): Failure[] =>
  [...guest]
    .filter(([, { isIdentical }]) => !isIdentical)
    .map(([name, outcome]) => {
      const { differences } = outcome;
      const first = differences.find((line) => /^\+.*\S/.test(line)) ?? differences[0] ?? '';
      const count = `${differences.length} lines`;
      const prefix = isAsNatively(name, outcome, native) ? 'as natively, ' : '';
      return { name, complaint: `${prefix}${count}: ${shortened(first)}` };
    });

const LONGEST = 100;
const shortened = (line: string): string => (line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line);
