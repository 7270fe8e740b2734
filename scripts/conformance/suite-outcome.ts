/** What became of a suite that is run as a whole, natively and with a guest. */
import type { Failure } from './compatibility-document.ts';
import type { TestOutcome } from './node-tests.ts';

export interface SuiteOutcome {
  readonly tests: ReadonlyMap<string, TestOutcome>;
  /** Did the runner get to its end? */
  readonly isComplete: boolean;
}

/** How many tests had an outcome. */
export const countOf = ({ tests }: SuiteOutcome, verdict: TestOutcome['verdict']): number =>
  [...tests.values()].filter((outcome) => outcome.verdict === verdict).length;

export const OUTCOME_HEADINGS = ['', 'tests', 'pass', 'fail', 'skip', 'ended'];

/** A row of the table beneath {@link OUTCOME_HEADINGS}. */
export const outcomeRow = (name: string, outcome: SuiteOutcome): string[] => {
  const counts = (['pass', 'fail', 'skip'] as const).map((verdict) => String(countOf(outcome, verdict)));
  return [name, String(outcome.tests.size), ...counts, outcome.isComplete ? 'yes' : 'NO'];
};

/** What fails in one run. */
export const failuresIn = ({ tests }: SuiteOutcome): Failure[] =>
  [...tests].flatMap(([name, { verdict, complaint = '' }]) =>
    verdict === 'fail' ? [{ name, complaint }] : [],
  );

/** What passes natively and not with a guest. */
export const guestFailures = (native: SuiteOutcome, guest: SuiteOutcome): Failure[] =>
  [...native.tests].flatMap(([name, { verdict }]) => {
    const outcome = guest.tests.get(name);
    if (verdict !== 'pass' || outcome?.verdict === 'pass') return [];
    const complaint = outcome === undefined ? 'does not run' : (outcome.complaint ?? 'skips itself');
    return [{ name, complaint }];
  });
