import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { closest } from '../../../src/config/suggestion.ts';

const WORDS = ['forwards', 'bind', 'transport', 'env', 'env_file'];

test.each([
  ['forward', 'forwards'],
  ['Bind', 'bind'],
  ['env-file', 'env_file'],
  ['tranpsort', 'transport'],
  ['en', 'env'],
  ['xyz', undefined],
  ['port', undefined],
])('%s → %s', (word, meant) => {
  expect(closest(word, WORDS)).toBe(meant);
});

test('a word itself is always the closest', () => {
  fc.assert(fc.property(fc.constantFrom(...WORDS), (word) => closest(word, WORDS) === word));
});
