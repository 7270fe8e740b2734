/** What clients call themselves becomes a part of commands that a superuser carries out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identifier, literal } from './sql-quoting.ts';

const anything = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^['"\\ox]*$/));

test('no text ends its quotes, and what is between them is the text', () => {
  fc.assert(
    fc.property(anything, (text) => {
      const [, inner = 'none'] = /^E'((?:[^'\\]|''|\\\\)*)'$/.exec(literal(text))!;
      expect(inner.replaceAll("''", "'").replaceAll('\\\\', '\\')).toBe(text);
      const [, name = 'none'] = /^"((?:[^"]|"")*)"$/.exec(identifier(text))!;
      expect(name.replaceAll('""', '"')).toBe(text);
    }),
  );
});
