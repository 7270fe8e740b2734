/** ES modules: what a program prints as a guest is what it prints in plain Node. */
import { expect, it } from 'vitest';
import type { AppFiles } from '../../helpers/app-directory.ts';
import { expectSame } from '../../helpers/same-output.ts';

const MODULES: AppFiles = {
  'package.json': { name: 'app', type: 'module', imports: { '#lib/*': './lib/*.js' } },
  'lib/counter.js': `export let count = 0; export const next = () => (count += 1); export default class Counter {}
    export * from './names.js'; export * as names from './names.js';`,
  'lib/names.js': `import { next } from './counter.js'; export const first = 'a'; export const called = () => next();`,
  'lib/data.json': { answer: 42 },
  'lib/awaits.js': `export const value = await new Promise((resolve) => setTimeout(resolve, 1, 'awaited'));`,
  'lib/throws.js': `export const before = 1; throw new Error('on purpose');`,
  'lib/wrong.js': `const fine = 1;\nlet x = ;`,
  'lib/missing-name.js': `// first\nimport {\n  nope } from './names.js';`,
  'lib/ambiguous.js': `import { twice } from './both.js';`,
  'lib/both.js': `export * from './one.js'; export * from './two.js';`,
  'lib/one.js': `export const twice = 1;`,
  'lib/two.js': `export const twice = 2;`,
  'lib/legacy.cjs': `exports.named = 'by the lexer'; exports.self = __filename; exports.late = 'late'; exports.default = 'inner';`,
  'lib/again.cjs': `module.exports = { ...require('./legacy.cjs'), more: 1 };`,
  'node_modules/dual/package.json': {
    name: 'dual',
    exports: {
      '.': { 'module-sync': './sync.mjs', import: './esm.mjs', require: './cjs.cjs' },
      './closed': null,
    },
  },
  'node_modules/dual/sync.mjs': `export default 'sync';`,
  'node_modules/dual/esm.mjs': `export default 'esm';`,
  'node_modules/dual/cjs.cjs': `module.exports = 'cjs';`,
  'node_modules/old/package.json': { name: 'old', main: 'lib/main' },
  'node_modules/old/lib/main.js': `module.exports = function old() {}; module.exports.version = 3;`,
};

it('links static imports: live bindings, cycles, namespaces, JSON, CommonJS, packages and built-in modules', async () => {
  await expectSame(
    {
      ...MODULES,
      'main.js': `
        import Counter, { count, next, first, called } from './lib/counter.js';
        import * as all from '#lib/counter';
        import data from './lib/data.json' with { type: 'json' };
        import legacy, { named, late } from './lib/legacy.cjs';
        import * as again from './lib/again.cjs';
        import dual from 'dual';
        import old, { version } from 'old';
        import fs, { existsSync } from 'fs';
        import { createRequire } from 'node:module';
        console.log(count, next(), called(), count, all.count, first, all, Counter.name);
        console.log(data, legacy, named, late, Object.keys(again), again['module.exports'] === again.default);
        console.log(dual, old, version, fs.existsSync === existsSync, createRequire(import.meta.url)('dual'));
        console.log(import.meta, import.meta.resolve('./x.js'), import.meta.resolve('dual'), import.meta.resolve('fs'));
        console.log(typeof require, typeof module, this, Object.prototype.toString.call(all), Object.isSealed(all));
        try { all.count = 3; } catch (error) { console.log(error.name); }`,
    },
    'main.js',
  );
});

it('imports at run time, and says what is wrong as Node does', async () => {
  await expectSame(
    {
      ...MODULES,
      'main.js': `
        import * as all from './lib/counter.js';
        console.log((await import('./lib/counter.js')) === all, (await import('./lib/counter.js?again')) === all);
        console.log((await import('./lib/awaits.js')).value);
        console.log((await import('./lib/data.json', { with: { type: 'json' } })).default);
        console.log((await import('data:text/javascript,export default import.meta.url')).default.length);
        console.log(await import('./lib/thenable.js'));
        const bad = ['./nope.js', 'nope', 'dual/closed', './lib', './lib/data.json', './lib/throws.js', './lib/throws.js',
          './lib/wrong.js', './lib/missing-name.js', './lib/ambiguous.js', '#none', 'http://127.0.0.1/x.js', './x.unknown', 'node:nope'];
        for (const specifier of bad) {
          await import(specifier).then(console.log, (error) => console.log(specifier, error.name, error.code, error.message));
        }
        for (const number of [1, 2, 3]) void import(\`./lib/numbered.js?\${number}\`).then(({ url }) => console.log(url.slice(-1)));
        try { await import('./lib/data.json', { with: { type: 'css' } }); } catch (error) { console.log(error.code); }
        await import('./lib/legacy.cjs').then(({ default: value }) => console.log(value.named));`,
      'lib/thenable.js': `export const then = (resolve) => resolve('what it chose');`,
      'lib/numbered.js': `export const { url } = import.meta;`,
      'x.unknown': '',
    },
    'main.js',
  );
});

it('requires ES modules', async () => {
  await expectSame(
    {
      ...MODULES,
      'main.cjs': `
        const all = require('./lib/counter.js');
        console.log(all.__esModule, Object.keys(all), all.next(), all.count, require('dual').default);
        console.log(require('./lib/exports.js'), require('./lib/counter.js') === all);
        for (const path of ['awaits', 'throws', 'throws', 'wrong', 'missing-name', 'cycle']) {
          try { require(\`./lib/\${path}.js\`); } catch (error) { console.log(path, error.name, error.code, error.message); }
        }
        import('./lib/awaits.js').then(({ value }) => console.log(value));
        import('./lib/counter.js').then((same) => console.log(same.default === all.default, same.count));
        new Function('specifier', 'return import(specifier)')('dual').then((found) => console.log(found.default));`,
      'lib/exports.js': `const whole = () => 'whole'; export { whole as 'module.exports' }; export default 1;`,
      'lib/cycle.js': `import { createRequire } from 'node:module'; createRequire(import.meta.url)('./cycle.cjs');`,
      'lib/cycle.cjs': `require('./cycle.js');`,
    },
    'main.cjs',
  );
});

it('runs what awaits in the order of the specification', async () => {
  await expectSame(
    {
      ...MODULES,
      'main.js': `import './a.js'; import './b.js'; import './c.js'; console.log('main'); await null; console.log('main after');`,
      'a.js': `import './shared.js'; console.log('a'); await new Promise((resolve) => setTimeout(resolve, 5)); console.log('a after');`,
      'b.js': `import './shared.js'; import './a.js'; console.log('b');`,
      'c.js': `console.log('c'); queueMicrotask(() => console.log('microtask of c')); process.nextTick(() => console.log('tick of c'));`,
      'shared.js': `console.log('shared'); await 1; console.log('shared after');`,
    },
    'main.js',
  );
});

it('finds out that a file without a type is an ES module', async () => {
  await expectSame(
    { 'main.js': `import fs from 'fs'; console.log(typeof fs.readFileSync, await 1);` },
    'main.js',
    {
      flags: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'],
    },
  );
});

it('makes modules of texts', async () => {
  const { stdout } = await expectSame(
    {
      'package.json': { type: 'module' },
      'main.js': `
        import { registerHooks } from 'node:module';
        registerHooks({
          resolve: (specifier, context, next) =>
            specifier === 'virtual:greeting' ? { url: 'virtual:greeting', shortCircuit: true } : next(specifier, context),
          load: (url, context, next) =>
            url === 'virtual:greeting'
              ? { format: 'module', source: 'export default "hello from " + import.meta.url', shortCircuit: true }
              : next(url, context),
        });
        console.log((await import('virtual:greeting')).default);`,
    },
    'main.js',
  );
  expect(stdout).toBe('hello from virtual:greeting\n');
});
