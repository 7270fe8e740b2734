import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isWasmrunError } from '../../../src/errors.ts';
import { parseSince } from '../../../src/sandbox/log-since.ts';

const NOW = Date.UTC(2026, 2, 1, 12);

test.each([
  ['10m', NOW - 600_000],
  ['1h30m', NOW - 5_400_000],
  ['1.5h', NOW - 5_400_000],
  ['.5s', NOW - 500],
  ['1h1m1s1ms', NOW - 3_661_001],
  ['1500us', NOW - 2],
  ['2026-02-28T23:59:59.123456789Z', Date.UTC(2026, 1, 28, 23, 59, 59, 123)],
  ['2026-02-28t23:59:59z', Date.UTC(2026, 1, 28, 23, 59, 59)],
  ['2026-02-28 23:59:59+02:00', Date.UTC(2026, 1, 28, 21, 59, 59)],
  ['2024-02-29T00:00-05:30', Date.UTC(2024, 1, 29, 5, 30)],
  ['2026-02-28T23:59', new Date(2026, 1, 28, 23, 59).getTime()],
  ['2026-02-28', new Date(2026, 1, 28).getTime()],
  ['1772366400', 1_772_366_400_000],
  ['1772366400.123456789', 1_772_366_400_123],
  ['0', 0],
])('%s', (text, expected) => {
  expect(parseSince(text, NOW)).toBe(expected);
});

test.each([
  '',
  ' ',
  '-10m',
  '+10m',
  '10 m',
  '10x',
  '10m5',
  'm',
  '.',
  '.s',
  '1e3s',
  'yesterday',
  '2026-02-29',
  '2026-13-01',
  '2026-00-01',
  '2026-01-00',
  '2026-01-01T24:00Z',
  '2026-01-01T12:60Z',
  '2026-01-01T12:00:60Z',
  '2026-01-01T12:00+25:00',
  '2026-01-01T12Z',
  '2026-1-1',
  '2026-01-01Z',
  '9'.repeat(20),
  '9'.repeat(400),
  `${'9'.repeat(20)}h`,
])('"%s" is refused with a hint', (text) => {
  expect(() => parseSince(text, NOW)).toThrow(
    expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('10m') }),
  );
});

/** And their length in ms. */
const UNITS: readonly (readonly [string, number])[] = [
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
];

test('a duration is the sum of its parts', () => {
  const part = fc.tuple(fc.nat(10_000), fc.constantFrom(...UNITS));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join('');
      const duration = parts.reduce((sum, [amount, [, factor]]) => sum + amount * factor, 0);
      expect(parseSince(text, NOW)).toBe(NOW - duration);
    }),
  );
});

test('a point of time is read as it was written, in any zone', () => {
  const years = {
    min: new Date('0001-01-03T00:00:00Z'),
    max: new Date('9998-12-31T00:00:00Z'),
    noInvalidDate: true,
  };
  fc.assert(
    fc.property(fc.date(years), fc.integer({ min: -1439, max: 1439 }), (date, offset) => {
      const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
      const minutes = Math.abs(offset);
      const pad = (value: number): string => String(Math.floor(value)).padStart(2, '0');
      const zone = `${offset < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`;
      expect(parseSince(`${local}${zone}`, NOW)).toBe(date.getTime());
      expect(parseSince(date.toISOString(), NOW)).toBe(date.getTime());
    }),
  );
});

test('whatever is typed is a point of time or refused', () => {
  const typed = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[0-9.]{0,8}[a-zµ]{0,3}[0-9.]{0,4}[smhn]?$/),
    fc.stringMatching(/^\d{4}-\d\d-\d\d[tT ]?\d?\d?:?\d?\d?:?\d?\d?[Zz+-]?\d?\d?:?\d?\d?$/),
  );
  fc.assert(
    fc.property(typed, (text) => {
      try {
        expect(Number.isSafeInteger(parseSince(text, NOW))).toBe(true);
      } catch (error) {
        if (!isWasmrunError(error)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
