import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WasmrunError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { resolveApp } from '../../src/runtime/resolve.ts';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { wasmRuntime } from '../wasm/index.ts';
import { nodejsRuntime } from './index.ts';
import { describeNodeApp } from './node-app.ts';

/** The smallest module: magic and version. */
const MODULE = '\0asm\u0001\0\0\0';
const start = (script: string) => ({ 'package.json': { scripts: { start: script } } });

describe('an app for Node.js', () => {
  test.each<[string, AppFiles, string | undefined]>([
    ['a start script', { ...start('node a.js'), 'a.js': '' }, 'start script of package.json'],
    ['main', { 'package.json': { main: 'a.js' }, 'a.js': '' }, 'main of package.json'],
    ['a usual name', { 'package.json': {}, 'app.js': '' }, 'package.json, app.js'],
    ['what it cannot start', start('next start'), 'package.json'],
    ['what is not built yet', { 'package.json': { main: 'dist/a.js' } }, 'package.json'],
    ['a broken package.json', { 'package.json': '{' }, 'package.json'],
    ['a module and a package.json for its build', { ...start('wasmrun os .'), 'a.wasm': MODULE }, undefined],
    ['a module and a broken package.json', { 'package.json': '', 'a.wasm': MODULE }, undefined],
    [
      'a module and an app',
      { ...start('node a.js'), 'a.js': '', 'a.wasm': MODULE },
      'start script of package.json',
    ],
    [
      'a package.json that starts nothing',
      { 'package.json': { devDependencies: { vite: '8.0.0' } } },
      undefined,
    ],
    ['a directory of scripts', { 'server.js': '' }, undefined],
    ['nothing', {}, undefined],
  ])('is recognised by %s', async (_, files, reason) => {
    await using app = await writeAppDirectory(files);
    expect(await nodejsRuntime.detect(app.path)).toBe(reason);
  });

  const choose = async (files: AppFiles, language?: string) => {
    await using app = await writeAppDirectory(files);
    const options = { app: { args: [], language }, build: {} };
    return await resolveApp(app.path, options, [wasmRuntime, nodejsRuntime], silentLog).then(
      ({ runtime }) => runtime,
      (error: WasmrunError) => error,
    );
  };

  test('that only builds a module stays one for wasm; with a server of its own it is ambiguous', async () => {
    const built = { ...start('npm run build && wasmrun os .'), 'a.wasm': MODULE };
    expect(await choose(built)).toBe('wasm');
    const both = { ...start('node a.js'), 'a.js': '', 'a.wasm': MODULE };
    expect(await choose(both)).toMatchObject({
      code: 'APP_AMBIGUOUS',
      message: expect.stringContaining('wasm (a.wasm), nodejs (start script of package.json)'),
    });
    expect(await choose(both, 'wasm')).toBe('wasm');
    expect(await choose(both, 'nodejs')).toBe('nodejs');
  });
});

describe('the description of an app', () => {
  const describeApp = (directory: string, module?: string) =>
    describeNodeApp({ directory, module, args: ['user'], reason: 'a test' });

  test('has everything the engine needs to know', async () => {
    await using app = await writeAppDirectory({
      'package.json': {
        scripts: { start: 'A=1 node --watch --no-warnings server.js script' },
        dependencies: { bcrypt: '6.0.0', express: '5.3.0' },
      },
      'server.js': '',
      'node_modules/bcrypt/package.json': { gypfile: true },
    });
    expect(await describeApp(app.path)).toEqual({
      entry: {
        file: join(app.path, 'server.js'),
        workingDirectory: app.path,
        args: ['script'],
        variables: { A: '1' },
        flags: {
          execArgv: ['--no-warnings'],
          options: { '--warnings': false },
          envFiles: [],
          notices: expect.any(Array),
        },
        reason: 'start script of package.json',
      },
      args: ['script', 'user'],
      directories: [{ hostPath: app.path, guestPath: app.path, readOnly: true }],
      notices: [
        expect.stringContaining('--watch'),
        expect.stringContaining('bcrypt (instead: bcryptjs)'),
        expect.stringContaining('not installed: express'),
      ],
    });
  });

  test('goes by real paths, as Node does', async () => {
    await using app = await writeAppDirectory({
      'real/package.json': { main: 'a.js', name: 'real' },
      'real/a.js': '',
      'real/link.js': { linkTo: 'a.js' },
      link: { linkTo: 'real' },
    });
    const real = join(app.path, 'real');
    expect(await describeApp(join(app.path, 'link'), join(app.path, 'link', 'link.js'))).toMatchObject({
      entry: { file: join(real, 'a.js'), workingDirectory: real },
      directories: [{ hostPath: real }],
    });
  });

  test('ends where the app leads outside of itself', async () => {
    await using app = await writeAppDirectory({
      'a/package.json': { main: 'main.js', name: 'a' },
      'a/main.js': { linkTo: '../b.js' },
      'b.js': '',
    });
    await expect(describeApp(join(app.path, 'a'))).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
      message: `${join(app.path, 'b.js')} lies outside of ${join(app.path, 'a')}, which is all the app may see`,
    });
    await expect(describeApp(join(app.path, 'a'), join(app.path, 'b.js'))).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
    });
  });
});
