import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeWtf8 } from './wtf8.ts';

/** As QuickJS writes it: pairs are one character, halves are written by themselves. */
const encode = (text: string): Buffer =>
  Buffer.concat(
    Array.from(text, (character) => {
      const unit = character.codePointAt(0)!;
      if (unit < 0xd800 || unit > 0xdfff) return Buffer.from(character);
      return Buffer.from([0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]);
    }),
  );

it('gives back any text, with halves of surrogate pairs where they were', () => {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0xd700, max: 0xe000 }),
    fc.constantFrom(0x41, 0xfffd),
  );
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const text = String.fromCharCode(...units);
      expect(decodeWtf8(encode(text))).toBe(text);
    }),
  );
});
