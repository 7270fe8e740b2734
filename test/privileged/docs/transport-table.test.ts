import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { observeTransports, tableIn } from './transport-table.ts';

const DOCUMENT = new URL('../../../docs/transports.md', import.meta.url);
/** Each answer takes a sandbox of its own. */
const TIMEOUT_MS = 300_000;

test('docs/transports.md says what the transports do', { timeout: TIMEOUT_MS }, async () => {
  expect(tableIn(readFileSync(DOCUMENT, 'utf8')), 'write it anew: npm run docs:transports').toBe(
    await observeTransports(),
  );
});
