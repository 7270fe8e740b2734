import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeApi } from '../../../scripts/api-document.ts';

const DOCUMENT = new URL('../../../docs/api.md', import.meta.url);

test('docs/api.md says what the docstrings say', () => {
  expect(readFileSync(DOCUMENT, 'utf8'), 'write it anew: npm run docs:api').toBe(describeApi());
});
