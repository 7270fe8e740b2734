/** AsyncLocalStorage and async_hooks: the same scripts print the same in Node itself and in a guest. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { printedByGuest, printedByNode } from '../../helpers/node-guest.ts';

const SCRIPTS = join(import.meta.dirname, 'scripts');

test.for(['async-local-storage.cjs', 'async-local-storage.mjs'])('%s', async (script) => {
  const app = { directory: SCRIPTS, script, readOnly: true };
  const native = await printedByNode(app);
  expect(native.split('\n').length).toBeGreaterThan(5);
  expect(await printedByGuest(app)).toBe(native);
});
