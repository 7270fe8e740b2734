import { defineConfig } from 'vitest/config';

/** Real processes and kernel objects need time on a busy machine; a hang must still end. */
const REAL = { testTimeout: 60_000, hookTimeout: 60_000 };

const SCALE = { testTimeout: 300_000, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    reporters: ['default', './test/helpers/totals-reporter.ts'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'runtimes/**/*.test.ts'] } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], ...REAL } },
      { test: { name: 'privileged', include: ['test/privileged/**/*.test.ts'], ...REAL, maxWorkers: 2 } },
      { test: { name: 'examples', include: ['examples/**/*.test.{ts,mts}'], ...REAL } },
      {
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'] },
        },
      },
      // Takes all there is of the machine: alone, and last.
      { test: { name: 'scale', include: ['test/scale/**/*.test.ts'], ...SCALE } },
    ],
  },
});
