/** What programs of the web find in Node.js is in the guest as it is in Node itself: the same scripts run in both. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { printedByGuest, printedByNode } from '../../helpers/node-guest.ts';

const directory = fileURLToPath(new URL('scripts', import.meta.url));

test.for(['fetch.cjs', 'cloning.cjs'])('%s prints the same in the guest', async (script) => {
  const [native, guest] = await Promise.all([
    printedByNode({ directory, script }),
    printedByGuest({ directory, script, readOnly: true }),
  ]);
  expect(guest.split('\n')).toEqual(native.split('\n'));
  expect(native.split('\n').length).toBeGreaterThan(10);
});
