/** What of an app's packages is found, and what is refused before the app starts. */
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { normalName, requiredName } from './installed-packages.ts';
import { describePythonApp } from './python-app.ts';
import { importedModules } from './requirements.ts';

interface Given {
  readonly at?: string;
  readonly named?: readonly string[];
  readonly active?: string;
}

const describeApp = async (files: AppFiles, { at = '.', named = [], active }: Given = {}) => {
  await using root = await writeAppDirectory(files);
  const inRoot = (path: string): string => join(root.path, path);
  try {
    const app = describePythonApp(
      { directory: inRoot(at), args: [], reason: 'a test', sitePackages: named.map(inRoot) },
      active === undefined ? undefined : inRoot(active),
    );
    const shown = (path: string): string => path.replaceAll(root.path, '');
    return {
      sitePackages: app.sitePackages.map(shown),
      mounts: app.directories.map(({ hostPath }) => shown(hostPath)),
      notices: app.notices.map(shown),
    };
  } catch (error) {
    throw error instanceof Error
      ? Object.assign(error, { message: error.message.replaceAll(root.path, '') })
      : error;
  }
};

const APP = { 'app/app.py': 'import flask\n' };
const VENV = '.venv/lib/python3.14/site-packages';

describe('packages are found', () => {
  test.each<[string, AppFiles, Given, string[]]>([
    ['nowhere', APP, {}, []],
    ['in a virtual environment', { ...APP, [`app/${VENV}/`]: '' }, {}, [`/app/${VENV}`]],
    [
      'in one for another version of Python',
      { ...APP, 'app/venv/lib/python3.11/site-packages/': '' },
      {},
      ['/app/venv/lib/python3.11/site-packages'],
    ],
    ['where pip install --target put them', { ...APP, 'app/site-packages/': '' }, {}, ['/app/site-packages']],
    ['in a directory above', { ...APP, [`${VENV}/`]: '' }, {}, [`/${VENV}`]],
    [
      'in the nearest such directory',
      { ...APP, [`${VENV}/`]: '', 'app/site-packages/': '' },
      {},
      ['/app/site-packages'],
    ],
    [
      'where the user says',
      { ...APP, [`app/${VENV}/`]: '', 'packages/': '' },
      { named: ['packages'] },
      ['/packages'],
    ],
    [
      "in the shell's environment",
      { ...APP, 'other/lib/python3.14/site-packages/': '', 'other/pyvenv.cfg': '' },
      { active: 'other' },
      ['/other/lib/python3.14/site-packages'],
    ],
  ])('%s', async (_, files, given, expected) => {
    const { sitePackages, mounts } = await describeApp(files, { at: 'app', ...given });
    expect(sitePackages).toEqual(expected);
    expect(mounts).toEqual(['/app', ...expected.filter((path) => !path.startsWith('/app/'))]);
  });

  test('beneath what .pth files add, as long as it lies within', async () => {
    const site = 'app/site-packages';
    const { sitePackages, notices } = await describeApp(
      {
        ...APP,
        'secrets/': '',
        [`${site}/a.pth`]: '# comment\ninner\nimport os; os.system("true")\nmissing\n../../secrets\n',
        [`${site}/inner/`]: '',
      },
      { at: 'app' },
    );
    expect(sitePackages).toEqual([`/${site}`, `/${site}/inner`]);
    expect(notices).toEqual([
      `/${site}/a.pth adds /secrets, which the app does not see (--dir /secrets shows it)`,
    ]);
  });

  test('not through a link out of the app', async () => {
    await using root = await writeAppDirectory({ ...APP, 'secrets/lib/python3.14/site-packages/': '' });
    await mkdir(join(root.path, 'app'), { recursive: true });
    await symlink('../secrets', join(root.path, 'app/.venv'));
    const app = describePythonApp(
      { directory: join(root.path, 'app'), args: [], reason: 'a test' },
      undefined,
    );
    expect(app.sitePackages).toEqual([]);
    expect(app.directories.map(({ hostPath }) => hostPath)).toEqual([join(root.path, 'app')]);
    expect(app.notices).toEqual([expect.stringContaining('outside of the app, which is not followed')]);
  });
});

/** A package as pip leaves it. */
const installed = (
  name: string,
  { files = [`${name}/__init__.py`], needs = [] as string[] } = {},
): AppFiles => ({
  [`site-packages/${name}-1.0.dist-info/RECORD`]: files.map((file) => `${file},sha256=x,1\n`).join(''),
  [`site-packages/${name}-1.0.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\n${needs
    .map((need) => `Requires-Dist: ${need}\n`)
    .join('')}\nRequires-Dist: not this\n`,
});

const CORE = installed('pydantic_core', { files: ['pydantic_core/_core.cpython-314-x86_64-linux-gnu.so'] });
const PYDANTIC = { ...installed('pydantic', { needs: ['pydantic-core==2.0'] }), ...CORE };
const FASTAPI = {
  ...installed('fastapi', { needs: ['pydantic>=2', 'uvicorn; extra == "all"'] }),
  ...PYDANTIC,
};

describe('an app whose packages are compiled is refused', () => {
  test.each<[string, AppFiles, string]>([
    [
      'where the app says so',
      { 'app.py': '', 'requirements.txt': 'Pydantic.Core\n', ...CORE },
      'pydantic-core (pydantic_core/_core.cpython-314-x86_64-linux-gnu.so)',
    ],
    [
      'where its first file imports it',
      { 'app.py': 'import os, pydantic_core as core\n', ...CORE },
      'pydantic-core (pydantic_core/_core.cpython-314-x86_64-linux-gnu.so)',
    ],
    [
      'where something needs it that the app needs',
      { 'app.py': 'from fastapi import FastAPI\n', ...FASTAPI },
      'needed by fastapi → pydantic)',
    ],
    [
      'where pyproject.toml says so',
      { 'app.py': '', 'pyproject.toml': '[project]\ndependencies = ["fastapi[all]>=0.1"]\n', ...FASTAPI },
      'needed by fastapi → pydantic)',
    ],
    [
      "where Poetry's part says so",
      {
        'app.py': '',
        'pyproject.toml': '[tool.poetry.dependencies]\npython = "^3"\npydantic = "*"\n',
        ...PYDANTIC,
      },
      'needed by pydantic)',
    ],
  ])('%s', async (_, files, expected) => {
    await expect(describeApp(files)).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
      message: expect.stringContaining(expected),
      hint: expect.stringContaining('instead of pydantic-core'),
    });
  });

  test.each<[string, AppFiles]>([
    ['nobody needs it', { 'app.py': 'import os\n', ...CORE }],
    [
      'it goes on without its compiled part',
      {
        'app.py': 'import markupsafe\n',
        ...installed('markupsafe', { files: ['markupsafe/_speedups.abi3.so'] }),
      },
    ],
  ])('but not where %s', async (_, files) => {
    expect(await describeApp(files)).toMatchObject({ notices: [] });
  });
});

test('requirements that are not installed are told', async () => {
  const { notices } = await describeApp({
    'app.py': '',
    'requirements.txt':
      '# comment\nFlask>=3 # and more\n-r other.txt\ngunicorn ; sys_platform == "win32"\nhttps://example.invalid/x.whl\njinja2\n',
    ...installed('jinja2'),
  });
  expect(notices).toEqual([
    expect.stringMatching(/^requirements that are not installed: flask \(pip install/),
  ]);
});

test('a pyproject.toml that is none is an error', async () => {
  await expect(describeApp({ 'app.py': '', 'pyproject.toml': '[project' })).rejects.toMatchObject({
    code: 'APP_NOT_RUNNABLE',
    message: expect.stringContaining('pyproject.toml cannot be read'),
  });
});

test('a directory that holds more than an app is refused', () => {
  const given = { directory: '/tmp', args: [], reason: 'a test', env: { FLASK_APP: 'x' } };
  expect(() => describePythonApp(given, undefined)).toThrow('/tmp is a directory that everybody writes to');
});

describe('names', () => {
  test('of packages are the same however they are written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-zA-Z0-9]+$/), { minLength: 1, maxLength: 4 }),
        fc.array(fc.stringMatching(/^[-_.]+$/), { minLength: 4, maxLength: 4 }),
        (parts, separators) => {
          const written = parts.map((part, index) => (index === 0 ? '' : separators[index]!) + part).join('');
          expect(normalName(written)).toBe(parts.join('-').toLowerCase());
        },
      ),
    );
  });

  test.each([
    ['Flask', 'flask'],
    ['flask[async]>=3.0,<4', 'flask'],
    ['ruamel.yaml == 1', 'ruamel-yaml'],
    ['x @ https://example.invalid/x.whl', 'x'],
    ['x; python_version < "3.8"', undefined],
    ['', undefined],
    ['(x)', undefined],
  ])('%j names %j', (requirement, expected) => {
    expect(requiredName(requirement)).toBe(expected);
  });

  test.each([
    ['import a', ['a']],
    ['import a.b as c, d', ['a', 'd']],
    ['from a.b import c\nfrom a import d', ['a']],
    ['    import a\ndef f():\n    from b import c', []],
    ['from . import a\nfrom .b import c', []],
    ['important = 1\nfromage = 2', []],
  ])('%j imports %j', (source, expected) => {
    expect(importedModules(source)).toEqual(expected);
  });
});
