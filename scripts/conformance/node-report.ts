/** What the suite of Node's own tests tells: a table for each group, and failures by what they say. */
import type { Failure } from './compatibility-document.ts';
import { GROUPS } from './node-tests.ts';
import type { NodeTest } from './node-tests.ts';
import type { TestResults } from './test-results.ts';

export interface SuiteResults {
  readonly tests: readonly NodeTest[];
  readonly plain: TestResults;
  /** Absent where only plain Node ran. */
  readonly guest?: TestResults;
}

export const percentage = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;

const PLAIN_HEADINGS = ['group', 'files', 'excluded', 'fail in Node', 'skip in Node', 'pass in Node'];
const GUEST_HEADINGS = [...PLAIN_HEADINGS, 'pass in the guest', 'skip', 'fail', 'rate', 'promised'];

/** Tests that the guest is measured by. */
export const denominator = ({ tests, plain }: SuiteResults): NodeTest[] =>
  tests.filter(({ file, exclusion }) => exclusion === undefined && plain.passes(file));

const rowOf = (name: string, results: SuiteResults, promised?: number): string[] => {
  const { tests, plain, guest } = results;
  const included = tests.filter(({ exclusion }) => exclusion === undefined);
  const count = (from: TestResults, verdict: string): number =>
    included.filter(({ file }) => from.of(file)?.verdict === verdict).length;
  const counted = denominator(results);
  const numbers = [tests.length, tests.length - included.length, count(plain, 'fail'), count(plain, 'skip')];
  const row = [name, ...[...numbers, counted.length].map(String)];
  if (guest === undefined) return row;
  const verdicts = counted.map(({ file }) => guest.of(file)?.verdict);
  const [passed, skipped] = (['pass', 'skip'] as const).map(
    (verdict) => verdicts.filter((each) => each === verdict).length,
  ) as [number, number];
  const rest = counted.length - passed - skipped;
  const shares = [percentage(passed, counted.length), promised === undefined ? '' : `≥ ${100 * promised} %`];
  return [...row, ...[passed, skipped, rest].map(String), ...shares];
};

const part = (results: SuiteResults, isIn: (test: NodeTest) => boolean): SuiteResults => ({
  ...results,
  tests: results.tests.filter(isIn),
});

/** The table: a row for each group that has tests, https once more by itself, and all together. */
export const suiteTable = (results: SuiteResults): { headings: readonly string[]; rows: string[][] } => {
  const rows = GROUPS.map(({ name, promised }) =>
    rowOf(
      name,
      part(results, ({ group }) => group === name),
      promised,
    ),
  ).filter((row) => row[1] !== '0');
  const https = part(results, ({ file }) => file.startsWith('test-https'));
  if (https.tests.length > 0) rows.splice(1, 0, rowOf('(https of it)', https));
  return {
    headings: results.guest === undefined ? PLAIN_HEADINGS : GUEST_HEADINGS,
    rows: [...rows, rowOf('all', results)],
  };
};

/** Groups of which fewer tests pass than promised. */
export const brokenPromises = (results: SuiteResults): string[] =>
  GROUPS.filter(({ name, promised }) => {
    const counted = denominator(part(results, ({ group }) => group === name));
    const passed = counted.filter(({ file }) => results.guest?.passes(file)).length;
    return passed < promised * counted.length;
  }).map(({ name }) => name);

export interface GuestFailure {
  readonly name: string;
  readonly complaint: string;
}

/** What plain Node passes and the guest does not, with what it says; what has not run is left out. */
export const guestFailures = (results: SuiteResults): GuestFailure[] =>
  denominator(results).flatMap(({ file }) => {
    const outcome = results.guest?.of(file);
    if (outcome === undefined || outcome.verdict === 'pass') return [];
    return [{ name: file, complaint: outcome.complaint ?? 'skips itself' }];
  });

/** Names by what they share, most common first. */
export const byFrequency = (
  entries: readonly (readonly [shared: string, name: string])[],
): (readonly [string, readonly string[]])[] =>
  [...Map.groupBy(entries, ([shared]) => shared)]
    .map(([shared, group]) => [shared, group.map(([, name]) => name)] as const)
    .toSorted(([, one], [, other]) => other.length - one.length);

/** Prints what fails, by what it says. */
export const printFailures = (failures: readonly Failure[]): void => {
  if (failures.length > 0) console.log('\nfailures in the guest, by what they say\n');
  for (const [complaint, names] of byFrequency(failures.map(({ name, complaint }) => [complaint, name])))
    console.log(`${String(names.length).padStart(4)}  ${complaint}\n      ${names.slice(0, 3).join(' ')}`);
};

/** Why tests are excluded, and how many. */
export const exclusions = ({ tests }: SuiteResults): string[] =>
  byFrequency(
    tests.flatMap(({ exclusion, file }) => (exclusion === undefined ? [] : [[exclusion, file] as const])),
  ).map(([why, files]) => `${files.length} × ${why}`);
