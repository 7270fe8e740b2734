/** Work that a reactor has Node itself do while it waits in a loop of its own. */
import { describe, expect, test } from 'vitest';
import type { Stats } from '../../guests/echo-driver.ts';
import { startServer } from '../../helpers/reactor.ts';

describe('work of Node itself', () => {
  test('in its thread pool wakes the reactor when it is done, and costs no waiting', async () => {
    await using run = await startServer();
    const derived = run.ask('/scrypt/16');
    // The guest goes on meanwhile.
    expect(await run.ask('/late/20')).toBe('late');
    const { key, before, after } = JSON.parse(await derived) as Record<'before' | 'after', Stats> & {
      key: string;
    };
    expect(key).toMatch(/^[0-9a-f]{128}$/);
    expect(after.loops - before.loops).toBe(after.turns - before.turns);
    expect(after.turns - before.turns).toBeLessThanOrEqual(3);
    expect(after.waits - before.waits).toBeLessThan(20);
  });

  test('of many kinds at once is all done', async () => {
    await using run = await startServer();
    const answers = await Promise.all([
      ...Array.from({ length: 12 }, () => run.ask('/scrypt/10')),
      ...Array.from({ length: 12 }, (_, index) => run.ask(`/timer/${1 + index}`)),
    ]);
    expect(answers).toHaveLength(24);
    for (const answer of answers) expect(answer).toContain('"turns"');
  });

  test('that is not there gets no turn', async () => {
    await using run = await startServer();
    const before = await run.statistics();
    for (let round = 0; round < 50; round += 1) expect(await run.ask('/')).toBe('Hello');
    const idle = await run.statistics();
    expect(idle.turns).toBe(before.turns);
    expect(idle.loops).toBe(before.loops);
    await run.ask('/scrypt/10');
    const after = await run.statistics();
    expect(after.turns).toBeGreaterThan(idle.turns);
    for (let round = 0; round < 50; round += 1) expect(await run.ask('/')).toBe('Hello');
    expect((await run.statistics()).turns).toBe(after.turns);
  });
});
