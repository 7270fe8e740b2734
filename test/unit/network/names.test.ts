import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkPrefix, SLOT_LIMIT, vethName } from '../../../src/network/names.ts';

/** `IFNAMSIZ` of linux/if.h is 16, one of it for the NUL. */
const LONGEST_INTERFACE_NAME = 15;

it('every valid prefix leaves room for every slot in an interface name', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/),
      fc.integer({ min: 0, max: SLOT_LIMIT - 1 }),
      (prefix, slot) => {
        expect(vethName(checkPrefix(prefix), slot).length).toBeLessThanOrEqual(LONGEST_INTERFACE_NAME);
      },
    ),
  );
});

it.each(['', 'Wasm', '1run', 'wasm-run', 'ninechars', 'a b', 'run\n'])('refuses the prefix %j', (prefix) => {
  expect(() => checkPrefix(prefix)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
});
