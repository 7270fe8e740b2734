/** Errors tell the app's own files and lines, as in plain Node. */
import { expect, it } from 'vitest';
import type { AppFiles } from '../../helpers/app-directory.ts';
import { expectSame } from '../../helpers/same-output.ts';

/** Frames of the library and columns are left out: QuickJS counts some calls from their arguments on. */
const ofTheApp = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/^\s+at .*\bnode:/.test(line))
    .map((line) => line.replace(/(:\d+):\d+(\)?(?: \{)?)$/, '$1$2'))
    .join('\n');

const sameUncaught = async (
  files: AppFiles,
  entry: string,
  flags: readonly string[] = [],
): Promise<string> => {
  const { stderr } = await expectSame(files, entry, { flags, change: ofTheApp });
  return stderr;
};

it('shows the line of an uncaught error and its stack', async () => {
  expect(
    await sameUncaught(
      {
        'main.js': `require('./thrower');`,
        'thrower.js': `'use strict';
          function inner() {
            throw new Error('from inside');
          }
          const outer = () => inner();
          outer();`,
      },
      'main.js',
    ),
  ).toMatch(
    /thrower\.js:3\n {12}throw new Error\('from inside'\);\n {12}\^\n\nError: from inside\n {4}at inner/,
  );
});

it('shows errors of ES modules, of promises and with properties', async () => {
  await sameUncaught(
    {
      'main.mjs': `import './a.mjs';`,
      'a.mjs': `\nconst f = () => {\n  throw new TypeError('m');\n};\nf();`,
    },
    'main.mjs',
  );
  await sameUncaught(
    { 'main.js': `Promise.reject(Object.assign(new Error('r'), { code: 'E_MINE' }));` },
    'main.js',
  );
  await sameUncaught(
    {
      'main.js': `process.on('exit', (status) => console.log(status)); process.exitCode = 3; throw new RangeError('x');`,
    },
    'main.js',
  );
});

it('shows the line where the syntax is wrong', async () => {
  await sameUncaught(
    { 'main.js': `require('./wrong');`, 'wrong.js': `const a = 1;\nconst b = ;\n` },
    'main.js',
  );
  await sameUncaught(
    { 'main.mjs': `import './wrong.mjs';`, 'wrong.mjs': `export const a = 1;\n  a b\n` },
    'main.mjs',
  );
  await sameUncaught(
    { 'main.mjs': `import { nope } from './fine.mjs';`, 'fine.mjs': `export const a = 1;` },
    'main.mjs',
  );
  await sameUncaught(
    {
      'main.mjs': `import { nope } from './old.cjs';`,
      'old.cjs': `module.exports = Object.create({ nope: 1 });`,
    },
    'main.mjs',
  );
});

it('gives errors stacks like those of V8', async () => {
  await expectSame(
    {
      'main.js': `
        const lines = (error) => error.stack.split('\\n').slice(0, 3).map((line) => line.replace(/:\\d+(\\)?)$/, '$1'));
        function made() { return new Error('made'); }
        class Mine extends TypeError { constructor(message) { super(message); this.name = 'Mine'; } }
        const target = {};
        function capture() { Error.captureStackTrace(target); }
        function hidden() { Error.captureStackTrace(target, hidden); }
        console.log(lines(made()), lines(new Mine('own')).slice(0, 1));
        capture(); console.log(lines(target)); hidden(); console.log(lines(target).slice(0, 2));
        const error = made();
        console.log(Object.getOwnPropertyNames(error).sort(), Object.keys(error), Object.getOwnPropertySymbols(error));
        error.stack = 'mine'; console.log(error.stack, Object.create(error).stack, { __proto__: null, ...error });
        const { prepareStackTrace } = Error;
        Error.prepareStackTrace = (_, sites) => sites.map((site) => [site.getFunctionName(), site.getLineNumber(), typeof site.getFileName()]);
        console.log(made().stack.slice(0, 2)); Error.prepareStackTrace = prepareStackTrace;
        Error.stackTraceLimit = 1; console.log(lines(made())); Error.stackTraceLimit = 0; console.log(lines(made()));
        Error.stackTraceLimit = 10;
        try { throw { stack: undefined, plain: true }; } catch (thrown) { console.log(thrown, Object.getOwnPropertyNames(thrown)); }
        try { try { throw made(); } finally { made(); } } catch (thrown) { console.log(lines(thrown)); }`,
    },
    'main.js',
  );
});

it('words errors of the language as V8 does', async () => {
  await expectSame(
    {
      'main.js': `
        const tell = (action) => { try { action(); } catch (error) { console.log(error.name, error.message); } };
        const nothing = undefined, object = { a: null };
        for (const text of ['{', '', '{"a":1,}', 'abc', '[1 2]', '"\\n"']) tell(() => JSON.parse(text));
        tell(() => JSON.parse(nothing)); tell(() => JSON.parse('1', () => { throw new SyntaxError('of the app'); }));
        tell(() => object.a.b); tell(() => nothing['k y']); tell(() => { object.a.b = 1; }); tell(() => { early; let early; });
        tell(() => { for (const each of undefined) void each; }); tell(() => new Array(-1)); tell(() => JSON.stringify(1n)); tell(() => 1n + 1);
        tell(() => decodeURIComponent('%')); tell(() => new Date(NaN).toISOString()); tell(() => [].reduce((a) => a));
        tell(() => object.none()); tell(() => nothing(1, object)); tell(() => new object.none()); tell(() => object.none(object));
        tell(() => { const value = object?.none.deep(); });
        tell(() => { throw new Error('cannot read property of the app'); }); tell(() => missing); tell(() => \`\${Symbol()}\`);
`,
    },
    'main.js',
  );
});
