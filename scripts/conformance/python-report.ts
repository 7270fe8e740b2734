/** What the suite of CPython's own tests tells: a row for each module, what is skipped, and what fails. */
import { byFrequency, percentage } from './node-report.ts';
import type { GuestFailure } from './node-report.ts';
import type { TestOutcome } from './node-tests.ts';
import { PROMISED } from './python-tests.ts';
import type { TestResults } from './test-results.ts';

export interface PythonResults {
  readonly modules: readonly string[];
  readonly native: TestResults;
  readonly guest: TestResults;
}

interface Counted {
  readonly name: string;
  readonly outcome: TestOutcome;
}

/** What native CPython passes of a module, and what became of it in the guest. */
const countedOf = ({ native, guest }: PythonResults, module: string): Counted[] =>
  native
    .names()
    .filter((name) => name.startsWith(`${module}.`) && native.passes(name))
    .map((name) => ({
      name,
      outcome: guest.of(name) ?? guest.of(module) ?? { verdict: 'fail', complaint: 'does not run' },
    }));

const having = (counted: readonly Counted[], verdict: string): Counted[] =>
  counted.filter(({ outcome }) => outcome.verdict === verdict);

const HEADINGS = [
  'module',
  'pass natively',
  'not compiled in',
  'counted',
  'pass in the guest',
  'fail',
  'rate',
];

const rowOf = (name: string, counted: readonly Counted[]): string[] => {
  const [passed, skipped, failed] = ['pass', 'skip', 'fail'].map(
    (verdict) => having(counted, verdict).length,
  ) as [number, number, number];
  const numbers = [counted.length, skipped, passed + failed, passed, failed];
  return [name, ...numbers.map(String), percentage(passed, passed + failed)];
};

/** A row for each module, and one for all together. */
export const pythonTable = (results: PythonResults): { headings: readonly string[]; rows: string[][] } => ({
  headings: HEADINGS,
  rows: [
    ...results.modules.map((module) => rowOf(module.replace('test.', ''), countedOf(results, module))),
    rowOf(
      'all',
      results.modules.flatMap((module) => countedOf(results, module)),
    ),
  ],
});

/** Does as much of all modules together pass as promised? */
export const isKept = (results: PythonResults): boolean => {
  const counted = results.modules.flatMap((module) => countedOf(results, module));
  const passed = having(counted, 'pass').length;
  return passed >= PROMISED * (passed + having(counted, 'fail').length);
};

/** What native CPython passes and the guest does not, with what it says. */
export const pythonFailures = (results: PythonResults): GuestFailure[] =>
  results.modules.flatMap((module) =>
    having(countedOf(results, module), 'fail').map(({ name, outcome }) => ({
      name: name.replace('test.', ''),
      complaint: outcome.complaint ?? 'fails',
    })),
  );

/** Why tests that native CPython passes skip themselves in the guest, and how many. */
export const skippedBecause = (results: PythonResults): (readonly [string, readonly string[]])[] =>
  byFrequency(
    results.modules.flatMap((module) =>
      having(countedOf(results, module), 'skip').map(
        ({ name, outcome }) => [outcome.complaint ?? '', name] as const,
      ),
    ),
  );
