import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { QuietPeriod } from '../../../src/watch/quiet-period.ts';

const eventually = { timeout: 10_000, interval: 1 };

test('many touches are one, and it can wait again', async () => {
  let elapsed = 0;
  using quiet = new QuietPeriod(20, () => elapsed++);
  for (const count of [1, 2]) {
    for (let touch = 0; touch < 100; touch++) quiet.touch();
    expect(elapsed).toBe(count - 1);
    await vi.waitFor(() => expect(elapsed).toBe(count), eventually);
  }
});

test('touches without end do not put it off for ever', async () => {
  let elapsed = 0;
  using quiet = new QuietPeriod(40, () => elapsed++);
  await vi.waitFor(() => {
    quiet.touch();
    expect(elapsed).toBeGreaterThan(2);
  }, eventually);
});

test('disposed, it stays silent', async () => {
  let elapsed = 0;
  {
    using quiet = new QuietPeriod(0, () => elapsed++);
    quiet.touch();
  }
  await sleep(50);
  expect(elapsed).toBe(0);
});
