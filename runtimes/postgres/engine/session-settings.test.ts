import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clipName, sessionSettings } from './session-settings.ts';

const ofOptions = (options: string): [string, string][] => sessionSettings(new Map([['options', options]]));

test.each([
  ['-c work_mem=9MB', [['work_mem', '9MB']]],
  ['-cwork_mem=9MB', [['work_mem', '9MB']]],
  [
    '--work-mem=9MB  --search_path=a,b',
    [
      ['work_mem', '9MB'],
      ['search_path', 'a,b'],
    ],
  ],
  [String.raw`-c application_name=two\ words`, [['application_name', 'two words']]],
  [String.raw`-c a=back\\slash`, [['a', String.raw`back\slash`]]],
  ['-c a=b=c', [['a', 'b=c']]],
  ['-c a=', [['a', '']]],
  ['-e -c', []],
  ['', []],
])('options %j', (options, expected) => {
  expect(ofOptions(options)).toEqual(expected);
});

test('any value comes through, where what is white space in it is quoted', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const quoted = value.replaceAll(/[\s\\]/g, String.raw`\$&`);
      expect(ofOptions(`-c name=${quoted}`)).toEqual([['name', value]]);
    }),
  );
});

test('of what a client says, settings are left, after those of its options', () => {
  const parameters = new Map([
    ['user', 'joe'],
    ['database', 'joe'],
    ['application_name', 'psql'],
    ['_pq_.extension', 'on'],
    ['options', '-c work_mem=9MB'],
    ['replication', 'true'],
  ]);
  expect(sessionSettings(parameters)).toEqual([
    ['work_mem', '9MB'],
    ['application_name', 'psql'],
  ]);
});

test('a name is cut off after 63 bytes, between two characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (name) => {
      const clipped = clipName(name);
      expect(name.startsWith(clipped)).toBe(true);
      const [length, whole] = [clipped, name].map((text) => Buffer.byteLength(text)) as [number, number];
      expect(length).toBeLessThanOrEqual(63);
      if (length < whole) expect(length).toBeGreaterThan(59);
    }),
  );
});
