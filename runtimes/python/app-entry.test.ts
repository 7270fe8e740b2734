import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { findAppEntry, hasModule } from './app-entry.ts';

interface Given {
  readonly files: AppFiles;
  readonly module?: string;
  readonly env?: Record<string, string>;
}

const find = async ({ files, module, env = {} }: Given): Promise<string> => {
  await using app = await writeAppDirectory(files);
  const given = module === undefined ? undefined : join(app.path, module);
  const { args } = findAppEntry({ directory: app.path, module: given, env });
  return args.join(' ').replaceAll(`${app.path}/`, '');
};

const FLASK = 'from flask import Flask\napp = Flask(__name__)\n';

test.each<[string, Given, string]>([
  [
    'wsgi.py before app.py before main.py',
    { files: { 'main.py': '', 'app.py': '', 'wsgi.py': '' } },
    'wsgi.py',
  ],
  ['main.py', { files: { 'main.py': '', 'other.py': '' } }, 'main.py'],
  ['a file that is named', { files: { 'app.py': '', 'a/b.py': '' }, module: 'a/b.py' }, 'a/b.py'],
  ['a module that is named', { files: { 'app.py': '', 'a/b.py': '' }, module: 'a.b' }, '-m a.b'],
  ['a Flask app that serves itself', { files: { 'app.py': `${FLASK}app.run(port=5000)\n` } }, 'app.py'],
  [
    'a Flask app that another server serves',
    { files: { 'app.py': `${FLASK}from waitress import serve\nserve(app)\n` } },
    'app.py',
  ],
  ['a Flask app that leaves it to flask run', { files: { 'app.py': FLASK } }, '-m flask run'],
  ['such a one under another name', { files: { 'main.py': FLASK } }, '-m flask --app main.py run'],
  ['FLASK_APP', { files: { 'app.py': '' }, env: { FLASK_APP: 'web:create_app()' } }, '-m flask run'],
  [
    'what is named before FLASK_APP',
    { files: { 'a.py': '' }, module: 'a.py', env: { FLASK_APP: 'web' } },
    'a.py',
  ],
])('python runs %s', async (_, given, expected) => {
  expect(await find(given)).toBe(expected);
});

test('nothing to run is told with what was looked for', async () => {
  await expect(find({ files: { 'library.py': '' } })).rejects.toMatchObject({
    code: 'APP_NOT_RUNNABLE',
    message: expect.stringContaining('has no wsgi.py, app.py, main.py, server.py, __main__.py'),
  });
});

describe('the first file of an app that FLASK_APP names', () => {
  test.each([
    ['web', 'web.py'],
    ['web:app', 'web.py'],
    ['web.py', 'web.py'],
    ['shop.web:create_app("dev")', 'shop/web.py'],
    ['shop', 'shop/__init__.py'],
    ['elsewhere', undefined],
  ])('%s is %s', async (value, expected) => {
    const files = expected === undefined ? {} : { [expected]: '' };
    await using app = await writeAppDirectory(files);
    const { file } = findAppEntry({ directory: app.path, env: { FLASK_APP: value } });
    expect(file?.replace(`${app.path}/`, '')).toBe(expected);
  });
});

test.each([
  ['a', true],
  ['a.b', true],
  ['package', true],
  ['a.c', false],
  ['../a', false],
  ['a/b', false],
  ['server.wasm', false],
  ['', false],
])('%j is a module of the app: %j', async (name, expected) => {
  await using app = await writeAppDirectory({ 'a.py': '', 'a/b.py': '', 'package/__main__.py': '' });
  expect(hasModule(name, [app.path])).toBe(expected);
});
