/** A guest that got hold of the engine's functions and calls them with anything: the engine answers or throws. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('host-functions-program.ts', import.meta.url));
const CALLS = 4000;
/** Bytes: a guest of 64 MiB, and as much again that the engine makes of it. */
const MOST_MEMORY_MIB = 400;

test.each(Array.from({ length: 4 }, () => randomInt(2 ** 31)))('seed %i', async (seed) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--expose-internals',
    '--no-warnings',
    PROGRAM,
    String(seed),
    String(CALLS),
  ]);
  const counts = Object.values(JSON.parse(stdout) as Record<string, number>);
  expect(counts.length).toBeGreaterThan(100);
  expect(counts.reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(CALLS);
  expect(Number.parseInt(stderr.slice(stderr.lastIndexOf('\n', stderr.length - 2) + 1), 10)).toBeLessThan(
    MOST_MEMORY_MIB,
  );
});
