/** TypeScript files and source maps. */
import { expect, it } from 'vitest';
import type { AppFiles } from '../../helpers/app-directory.ts';
import { expectSame, outputOfGuest } from '../../helpers/same-output.ts';

it('runs TypeScript of all extensions as Node does, errors in their own lines', async () => {
  await expectSame(
    {
      'main.ts': `
        import { add, type Pair } from './lib.mts';
        import old from './old.cts';
        interface Shape { readonly size: number }
        const pair: Pair = [1, 2];
        console.log(add(...pair) satisfies number, old);
        const first = <T,>(list: readonly T[]): T => {
          if (list.length === 0) throw new Error('empty' as string);
          return list[0]!;
        };
        try { first<Shape>([]); } catch (error: unknown) { console.log((error as Error).stack!.split('\\n')[1]!.replace(/:\\d+\\)$/, '')); }
        console.log(process.features.typescript);`,
      'lib.mts': `export type Pair = readonly [number, number]; export const add = (a: number, b: number): number => a + b;`,
      'old.cts': `const { add }: typeof import('./lib.mts') = require('./lib.mts'); module.exports = add(2, 3) as number;`,
    },
    'main.ts',
    { flags: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'] },
  );
  await expectSame(
    {
      'main.ts': `const path: typeof import('path') = require('path'); console.log(path.basename(__filename as string), require.main === module);`,
    },
    'main.ts',
  );
  await expectSame(
    {
      'main.mts': `await import('./wrong.ts').catch((error: any) => console.log(error.code, error.message));`,
      'wrong.ts': 'const x: = 1',
    },
    'main.mts',
  );
});

it('transforms what Node refuses, and still tells its lines', async () => {
  const { stdout, stderr, status, path } = await outputOfGuest(
    {
      'main.ts': `
        enum Level { Low, High = 5 }
        namespace Names { export const first = 'a'; }
        class Point {
          constructor(readonly x: number, private y = 2) {}
          fail(): never {
            throw new Error(String(this.x + this.y));
          }
        }
        console.log(Level[5], Level.Low, Names.first);
        new Point(1).fail();`,
    },
    'main.ts',
  );
  expect(stdout).toBe('High 0 a\n');
  expect(stderr).toContain(`${path}/main.ts:7\n            throw new Error(String(this.x + this.y));\n`);
  expect(stderr).toMatch(/Error: 3\n {4}at .*main\.ts:7:\d+\)\n {4}at .*main\.ts:11:\d+/);
  expect(status).toBe(1);
});

/** Line 1 of the file is line 3 of what it was made of: [column 0, source 0, line +2, column 0]. */
const MAPPED: AppFiles = {
  'made.js': `const fail = () => { throw new Error('mapped'); }; module.exports = fail;\n//# sourceMappingURL=made.js.map`,
  'made.js.map': { version: 3, file: 'made.js', sources: ['original.coffee'], names: [], mappings: 'AAEA' },
  'original.coffee': '# one\n# two\nfail = -> throw new Error "mapped"\n',
  'main.js': `try { require('./made.js')(); } catch (error) { console.log(error.stack.split('\\n')[1]); }`,
};

it('looks stacks up in source maps where they are on', async () => {
  const { stdout } = await expectSame(MAPPED, 'main.js', { flags: ['--enable-source-maps'] });
  expect(stdout).toContain('original.coffee:3:1');
  const { stdout: plain } = await expectSame(MAPPED, 'main.js', {
    change: (text) => text.replaceAll(/:\d+\)/g, ')'),
  });
  expect(plain).toContain('made.js:1');
});
