/** CommonJS modules: what a program prints as a guest is what it prints in plain Node. */
import { it } from 'vitest';
import type { AppFiles } from '../../helpers/app-directory.ts';
import { expectSame } from '../../helpers/same-output.ts';

const PACKAGES: AppFiles = {
  'node_modules/plain/package.json': { name: 'plain', main: 'lib' },
  'node_modules/plain/lib/index.js': `exports.where = __filename; exports.data = require('../data.json');`,
  'node_modules/plain/data.json': { answer: 42 },
  'node_modules/@scope/pack/package.json': {
    name: '@scope/pack',
    exports: {
      '.': { import: './esm.mjs', require: './cjs.cjs' },
      './sub/*': './lib/*.js',
      './closed/*': null,
      './cond': { 'my-condition': './lib/mine.js', default: './lib/other.js' },
    },
    imports: { '#inner': './lib/inner.js' },
  },
  'node_modules/@scope/pack/cjs.cjs': `module.exports = ['cjs', require('#inner'), require('@scope/pack/sub/self')];`,
  'node_modules/@scope/pack/esm.mjs': `export default 'esm';`,
  'node_modules/@scope/pack/lib/inner.js': `module.exports = 'inner';`,
  'node_modules/@scope/pack/lib/self.js': `module.exports = 'self';`,
  'node_modules/@scope/pack/lib/mine.js': `module.exports = 'mine';`,
  'node_modules/@scope/pack/lib/other.js': `module.exports = 'other';`,
  'packages/workspace/package.json': { name: 'workspace' },
  'packages/workspace/index.js': `module.exports = [__filename, require('plain').data];`,
  'node_modules/workspace': { linkTo: '../packages/workspace' },
};

it('finds files, directories, packages, workspaces and what packages export', async () => {
  await expectSame(
    {
      ...PACKAGES,
      'main.js': `#!/usr/bin/env node
        console.log(require('plain'), require('@scope/pack'), require('@scope/pack/sub/self'));
        console.log(require('workspace'), require('./directory'), require('./file'), require('@scope/pack/cond'));
        console.log(require.resolve('plain'), require.resolve.paths('plain')[0], module.paths, require.main === module);
        console.log(Object.keys(require.cache), module.children.map((each) => each.id), __dirname, module.filename);
        for (const bad of ['nope', './nope', '@scope/pack/hidden', '@scope/pack/closed/x', 'node:nope', '@scope/pack/sub/none', '#none']) {
          try { require(bad); } catch (error) { console.log(bad, error.name, error.code, error.message); }
        }`,
      'directory/index.json': [1, 2],
      'file.js': `exports.self = this === module.exports && typeof require.extensions['.js'];`,
    },
    'main.js',
  );
});

it('runs cycles, wrapped exports, createRequire and the table of built-in modules', async () => {
  await expectSame(
    {
      ...PACKAGES,
      'main.js': `
        console.log(require('./a'));
        const { createRequire, builtinModules, isBuiltin, Module } = require('node:module');
        console.log(createRequire(__dirname + '/packages/x.js')('plain') === require('plain'));
        console.log(builtinModules.length > 60, isBuiltin('fs'), isBuiltin('node:test'), isBuiltin('test'), require('fs') === require('node:fs'));
        console.log(Module.wrap('x'), new Module('made').id, typeof process.binding('util'));
        const made = new Module('made', module); made._compile('module.exports = __filename', '/made.js'); console.log(made.exports);
        Module._extensions['.txt'] = (m, file) => { m.exports = require('fs').readFileSync(file, 'utf8'); };
        console.log(require('./text.txt'));`,
      'a.js': `exports.early = true; exports.b = require('./b'); exports.late = true;`,
      'b.js': `const a = require('./a'); exports.sawEarly = a.early; exports.sawLate = a.late;`,
      'text.txt': 'a text',
    },
    'main.js',
  );
});

it('takes conditions and preloads of the command line', async () => {
  await expectSame(
    {
      ...PACKAGES,
      'main.js': `console.log(require('@scope/pack/cond'), globalThis.preloaded, process.execArgv.length);`,
      'first.js': `globalThis.preloaded = [__filename];`,
      'second.mjs': `globalThis.preloaded.push(import.meta.url); await null; globalThis.preloaded.push('awaited');`,
    },
    'main.js',
    { flags: ['--conditions=my-condition', '--require=./first.js', '--import=./second.mjs'] },
  );
});

it('runs scripts and functions made of texts', async () => {
  await expectSame(
    {
      'main.js': `
        const vm = require('node:vm');
        console.log(vm.runInThisContext('shared = 1; shared + 1'), shared);
        const script = new vm.Script('counter = (globalThis.counter ?? 0) + 1', { filename: 'counts.js' });
        script.runInThisContext(); console.log(script.runInThisContext());
        console.log(vm.compileFunction('return a + b + this.c', ['a', 'b']).call({ c: 3 }, 1, 2));
        for (const text of ['let x = ;', 'a b', 'return 1', 'await 1']) {
          try { new vm.Script(text, { filename: 'wrong.js' }); }
          catch (error) { console.log(error.stack.split('\\n').slice(0, 5)); }
        }
        try { vm.runInThisContext('\\n\\n throw new Error("in text")', { filename: 'throws.js' }); }
        catch (error) { console.log(error.stack.split('\\n').find((line) => line.startsWith('    at ')).replace(/:\\d+$/, '')); }
        try { vm.runInThisContext('throw new Error("in text")', { filename: 'throws.js', lineOffset: 9 }); }
        catch (error) { console.log(error.stack.split('\\n').find((line) => line.startsWith('    at ')).replace(/:\\d+$/, '')); }`,
    },
    'main.js',
  );
});

it('finds what is made while it runs, and nothing that is gone', async () => {
  await expectSame(
    {
      'main.js': `
        const fs = require('node:fs');
        const path = require('node:path');
        const root = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'wasmrun-made-'));
        process.on('exit', () => fs.rmSync(root, { recursive: true }));
        const at = (name) => path.join(root, name);
        const find = require('node:module').createRequire(at('main.js'));
        const told = (value) => String(value).replaceAll(root, '');
        const attempt = (name) => {
          try { console.log(name, told(find(name))); } catch (error) { console.log(name, error.name, error.code); }
        };
        attempt('./made'); fs.writeFileSync(at('made.js'), 'module.exports = "made"'); attempt('./made');
        attempt('./folder'); fs.mkdirSync(at('folder/deeper'), { recursive: true });
        fs.writeFileSync(at('folder/index.js'), 'module.exports = __filename'); attempt('./folder');
        fs.renameSync(at('folder'), at('renamed')); attempt('./renamed'); attempt('./folder/deeper/x');
        fs.rmSync(at('made.js')); delete require.cache[at('made.js')]; attempt('./made.js');
        attempt('late'); fs.mkdirSync(at('node_modules/late'), { recursive: true });
        fs.writeFileSync(at('node_modules/late/package.json'), '{"main":"entry"}');
        fs.writeFileSync(at('node_modules/late/entry.js'), 'module.exports = "late"'); attempt('late');
        fs.writeFileSync(at('wrong.json'), '{'); attempt('./wrong.json');
        fs.mkdirSync(at('broken')); fs.writeFileSync(at('broken/package.json'), '{'); attempt('./broken');`,
    },
    'main.js',
  );
});

it('runs scripts in contexts of their own', async () => {
  await expectSame(
    {
      'main.js': `
        const vm = require('node:vm');
        const box = vm.createContext({ x: 2, console });
        console.log(vm.isContext(box), vm.runInContext('x * 21', box), vm.runInNewContext('a + b', { a: 1, b: 2 }));
        vm.runInContext('var y = x + 1; z = 5; function f() { return x }', box);
        console.log(box.y, box.z, box.f(), Object.keys(box).sort());
        box.x = 9; box.y = 1; console.log(vm.runInContext('x + y + f()', box));
        vm.runInContext('x = 100; delete z', box); console.log(box.x, 'z' in box);
        console.log(vm.runInContext('[]', box) instanceof Array, vm.runInContext('[] instanceof Array', box), vm.runInContext('typeof require', box));
        for (const text of ['nope', 'throw new TypeError("thrown")']) {
          try { vm.runInContext(text, box, 'file.js'); }
          catch (error) { console.log(error.name, error.message, error instanceof Error, error.stack.split('\\n')[0]); }
        }
        const script = new vm.Script('count = (typeof count === "undefined" ? 0 : count) + 1');
        for (let i = 0; i < 3; i += 1) script.runInContext(box);
        console.log(box.count, vm.runInContext('let l = 1; const c = 2; l + c', box), vm.runInContext('l + c', box), box.l);
        console.log(vm.compileFunction('return x + this.y', ['x'], { parsingContext: box }).call({ y: 1 }, 2));
        const inheriting = vm.createContext(Object.create({ inherited: 1 }, { own: { get: () => 'got' } }));
        console.log(vm.runInContext('[inherited, own].join()', inheriting));
        vm.runInContext('Promise.resolve(1).then((value) => console.log("then", value))', box);
        console.log(vm.runInContext('({ a: [1], b: new Map([[1, /x/]]) })', box), vm.runInContext('typeof setTimeout', vm.createContext()));`,
    },
    'main.js',
  );
});
