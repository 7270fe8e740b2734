import { relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { WasmrunError } from '../../src/errors.ts';
import { findAppEntry, USUAL_ENTRIES } from './app-entry.ts';

const find = async (files: AppFiles, module?: string, at = '.') => {
  await using app = await writeAppDirectory(files);
  const entry = await findAppEntry({
    directory: at === '.' ? app.path : `${app.path}/${at}`,
    ...(module !== undefined && { module: `${app.path}/${module}` }),
  });
  const { file, workingDirectory } = entry;
  return {
    ...entry,
    file: relative(app.path, file),
    workingDirectory: relative(app.path, workingDirectory),
  };
};

const failure = async (...given: Parameters<typeof find>): Promise<WasmrunError> => {
  const result = await find(...given).catch((error: unknown) => error);
  if (result instanceof WasmrunError) return result;
  throw new Error('an entry was found', { cause: result });
};

const start = (script: string) => ({ scripts: { start: script } });

describe('what is started', () => {
  test.each<[string, AppFiles, string, string]>([
    [
      'the start script before main',
      { 'package.json': { main: 'a.js', ...start('node b.js') }, 'a.js': '', 'b.js': '' },
      'b.js',
      'start script of package.json',
    ],
    [
      'a start script without extension',
      { 'package.json': start('node server'), 'server.js': '' },
      'server.js',
      'start script of package.json',
    ],
    [
      'a file that never has one',
      { 'package.json': start('node ./bin/www'), 'bin/www': '' },
      'bin/www',
      'start script of package.json',
    ],
    [
      'node . by main',
      { 'package.json': { main: 'lib/a', ...start('node .') }, 'lib/a.js': '' },
      'lib/a.js',
      'start script of package.json',
    ],
    [
      'a directory by its own package.json',
      { 'package.json': start('node dist'), 'dist/package.json': { main: 'x.cjs' }, 'dist/x.cjs': '' },
      'dist/x.cjs',
      'start script of package.json',
    ],
    [
      'a directory by its index',
      { 'package.json': { main: './lib' }, 'lib/index.js': '' },
      'lib/index.js',
      'main of package.json',
    ],
    [
      'main',
      { 'package.json': { main: 'src/a.ts' }, 'src/a.ts': '', 'index.js': '' },
      'src/a.ts',
      'main of package.json',
    ],
    [
      'a usual name instead of what npm init wrote',
      { 'package.json': { main: 'index.js' }, 'app.js': '' },
      'app.js',
      'app.js',
    ],
    [
      'server before app before index',
      { 'index.js': '', 'app.mjs': '', 'server.mts': '' },
      'server.mts',
      'server.mts',
    ],
    [
      'whatever the encoding mark',
      { 'package.json': '\uFEFF{"main":"a.js"}', 'a.js': '' },
      'a.js',
      'main of package.json',
    ],
    [
      'fields of a wrong type are not there',
      { 'package.json': { main: 1, scripts: [] }, 'app.cjs': '' },
      'app.cjs',
      'app.cjs',
    ],
  ])('%s', async (_, files, file, reason) => {
    expect(await find(files)).toMatchObject({ file, reason, workingDirectory: '' });
  });

  test.each(USUAL_ENTRIES)('%s without a package.json', async (name) => {
    expect(await find({ [name]: '' })).toMatchObject({ file: name });
  });

  test('a named file, whatever package.json says, in the directory of its package', async () => {
    const files = {
      'package.json': { name: 'a', ...start('next start') },
      'src/x.js': '',
      'src/package.json': { type: 'module' },
    };
    expect(await find(files, 'src/x.js', 'src')).toMatchObject({
      file: 'src/x.js',
      workingDirectory: '',
      flags: { options: {} },
    });
    expect(await find({ 'src/x.js': '' }, 'src/x.js', 'src')).toMatchObject({ workingDirectory: 'src' });
  });

  test('with the flags, variables and arguments of the start script', async () => {
    const script = 'NODE_ENV=production node --env-file=.env server.js 3000';
    expect(await find({ 'package.json': start(script), 'server.js': '' })).toMatchObject({
      args: ['3000'],
      variables: { NODE_ENV: 'production' },
      flags: { envFiles: [{ path: '.env', optional: false }] },
    });
  });
});

describe('what is not started', () => {
  test.each<[string, Parameters<typeof find>, string, string, string]>([
    [
      'an empty directory',
      [{}],
      'APP_NOT_RUNNABLE',
      'does not say what Node.js is to start',
      '"start": "node server.js"',
    ],
    ['a missing file', [{}, 'a.js'], 'APP_NOT_FOUND', 'a.js is not a file', '.mjs'],
    ['a module', [{ 'a.wasm': '' }, 'a.wasm'], 'APP_NOT_RUNNABLE', 'is not JavaScript', '--language'],
    [
      'what is not built yet',
      [{ 'package.json': start('node dist/a.js'), 'a.js': '' }],
      'APP_NOT_RUNNABLE',
      'names dist/a.js, which is not there',
      '[build] command',
    ],
    [
      'a main that is not built yet',
      [{ 'package.json': { main: 'dist/a.js' }, 'index.js': '' }],
      'APP_NOT_RUNNABLE',
      'names dist/a.js as main, which is not there',
      '[build] command',
    ],
    [
      'another program',
      [{ 'package.json': start('next start') }],
      'APP_NOT_RUNNABLE',
      'runs next',
      '[app] module',
    ],
  ])('%s', async (_, given, code, message, hint) => {
    const error = await failure(...given);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test('a broken package.json, without a word of what stands in it', async () => {
    for (const content of ['secret: 1', '["secret"]', '"secret"', 'null']) {
      const error = await failure({ 'package.json': content });
      expect(error).toMatchObject({
        code: 'APP_NOT_RUNNABLE',
        message: expect.stringMatching(/package\.json is not a JSON object$/),
      });
      expect(String(error.cause)).not.toContain('secret');
    }
  });
});
