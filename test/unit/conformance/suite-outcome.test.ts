import { describe, expect, it } from 'vitest';
import type { TestOutcome } from '../../../scripts/conformance/node-tests.ts';
import { failuresIn, guestFailures, outcomeRow } from '../../../scripts/conformance/suite-outcome.ts';

const outcome = (tests: Readonly<Record<string, TestOutcome>>, isComplete = true) => ({
  tests: new Map(Object.entries(tests)),
  isComplete,
});

describe('a suite that ran natively and with a guest', () => {
  const native = outcome({
    same: { verdict: 'pass' },
    broken: { verdict: 'fail', complaint: 'wrong' },
    skipped: { verdict: 'skip' },
    failing: { verdict: 'pass' },
    missing: { verdict: 'pass' },
    skipping: { verdict: 'pass' },
  });
  const guest = outcome(
    {
      same: { verdict: 'pass' },
      broken: { verdict: 'fail', complaint: 'wrong' },
      skipped: { verdict: 'fail', complaint: 'also wrong' },
      failing: { verdict: 'fail', complaint: 'no' },
      skipping: { verdict: 'skip' },
    },
    false,
  );

  it('fails where native passes and the guest does anything else', () => {
    expect(guestFailures(native, guest)).toEqual([
      { name: 'failing', complaint: 'no' },
      { name: 'missing', complaint: 'does not run' },
      { name: 'skipping', complaint: 'skips itself' },
    ]);
    expect(failuresIn(native)).toEqual([{ name: 'broken', complaint: 'wrong' }]);
  });

  it('is counted by what became of its tests', () => {
    expect(outcomeRow('native', native)).toEqual(['native', '6', '4', '1', '1', 'yes']);
    expect(outcomeRow('guest', guest)).toEqual(['guest', '5', '1', '3', '1', 'NO']);
  });
});
