import * as fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { locateToml, type TomlPath } from '../../../src/config/toml-position.ts';

/** Every path of a parsed document that leads to something written as a value. */
const valuePaths = (value: unknown, path: TomlPath = []): { path: TomlPath; value: unknown }[] => {
  if (Array.isArray(value)) return value.flatMap((item, index) => valuePaths(item, [...path, index]));
  if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
    return Object.entries(value).flatMap(([key, item]) => valuePaths(item, [...path, key]));
  }
  return [{ path, value }];
};

/** The stretch found for every leaf, parsed alone, must be that leaf's value. */
const expectPositionsToHoldTheValues = (source: string) => {
  const locate = locateToml(source);
  const leaves = valuePaths(parse(source));
  for (const { path, value } of leaves) {
    const span = locate(path)?.value;
    expect(span, JSON.stringify(path)).toBeDefined();
    if (span === undefined) continue;
    const text = source.slice(span.start, span.end);
    expect(parse(`it = ${text}`)['it']).toEqual(value);
    const before = source.slice(0, span.start).split('\n');
    expect([span.line, span.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1]);
    if (typeof path.at(-1) === 'string') {
      const key = locate(path)?.key;
      expect(Object.keys(parse(`${source.slice(key?.start, key?.end)} = 1`))).toEqual([path.at(-1)]);
    }
  }
  return leaves.length;
};

describe('positions in TOML', () => {
  test('every form of keys, strings, lists and tables', () => {
    const source = [
      '# comment with [brackets] and = signs',
      'plain = 1 # trailing',
      ' "quoted key" . \'b\' = "x # not a comment \\" ]"',
      'date = 1979-05-27 07:32:00Z',
      'local = 1979-05-27 # a date, then a comment',
      "literal = 'C:\\'",
      'multi = """\nline one ] } ,\n  \\""" still\n"quoted""""',
      "raw = '''it's\n''''",
      'list = [ 1, [ "a,b", \'c]\' ], # comment ]\n  {x = 1, y.z = "}"}, true,\n]',
      'empty = []\nnothing = {}\nempty_text = ""',
      '[ network . "inner" ]',
      'forwards = [\n\t"8080:3000",\n\t"1:2"]\r',
      '[[tables]]\nname = "a"\n[tables.sub]\nv = 1\n[[tables]]\nname = "b"\n[[tables.deep]]\nw = 2',
      '[network]\nafter = inf',
      '"\\u00e9\\n" = +1_000',
    ].join('\n');
    expect(expectPositionsToHoldTheValues(source)).toBe(22);
  });

  test('a line and column as an editor counts them', () => {
    const locate = locateToml('[network]\n  forwards = ["1:2", "3:4"]\n');
    expect(locate(['network'])?.key).toMatchObject({ line: 1, column: 2 });
    expect(locate(['network', 'forwards'])?.key).toMatchObject({ line: 2, column: 3 });
    expect(locate(['network', 'forwards', 1])?.value).toMatchObject({ line: 2, column: 22 });
    expect(locate(['network', 'bind'])).toBeUndefined();
  });

  test('any document the serializer writes', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    const leaf = fc.oneof(
      text,
      fc.integer(),
      fc.boolean(),
      fc.double({ noNaN: true }),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
    );
    const document = fc.letrec((tie) => ({
      table: fc.dictionary(text, tie('value'), { maxKeys: 5 }),
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(leaf, { maxLength: 4 }),
        tie('table'),
        fc.array(tie('table'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(document.table, (table) => {
        expectPositionsToHoldTheValues(stringify(table));
      }),
      { numRuns: 200 },
    );
  });
});
