import { describe, expect, it } from 'vitest';
import { createNftRunner, probeNft, rulesetGeneration } from '../../../src/os/nft.ts';
import { randomPrefix } from '../network/test-network.ts';

describe('speaking to nftables', () => {
  it.each([
    ['the library', undefined],
    ['the command', 'libabsent.so.1'],
  ])('through %s: probes, prints, and names what is missing or there already', async (_, library) => {
    const run = createNftRunner(library);
    const prefix = randomPrefix();
    expect(await probeNft(run)).toEqual({ ok: true });
    await expect(run(`list table inet ${prefix}`)).rejects.toThrow(
      expect.objectContaining({ isMissing: true }),
    );
    await run(`add table inet ${prefix}`);
    try {
      expect(await run(`list table inet ${prefix}`)).toContain(`table inet ${prefix} {`);
      await expect(run(`create table inet ${prefix}`)).rejects.toThrow(
        expect.objectContaining({ isExisting: true, isMissing: false }),
      );
    } finally {
      await run(`delete table inet ${prefix}`);
    }
  });

  it('counts the changes of the rule set, whoever makes them', async () => {
    const prefix = randomPrefix();
    const before = rulesetGeneration();
    expect(before).toBeGreaterThan(0);
    const run = createNftRunner();
    await run(`add table inet ${prefix}`);
    const between = rulesetGeneration();
    await run(`delete table inet ${prefix}`);
    // Others may change theirs at the same time.
    expect(between).toBeGreaterThan(before!);
    expect(rulesetGeneration()).toBeGreaterThan(between!);
  });
});
