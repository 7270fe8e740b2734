import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { importedNames, startImports } from './imported-modules.ts';

const importsOf = async (files: AppFiles, command: readonly string[], file?: string): Promise<string[]> => {
  await using app = await writeAppDirectory(files);
  return startImports(app.path, command, file === undefined ? undefined : join(app.path, file));
};

test.each<[source: string, names: string[]]>([
  ['import a', ['a']],
  ['import a.b as c, d ,e', ['a.b', 'd', 'e']],
  ['from a.b import (c,\n  d)', ['a.b']],
  ['from . import a\nfrom .a import b', []],
  ['if x:\n    import a\ndef f():\n    import b', []],
  ['important = 1\nfrom_a = 2\nimport\n', []],
  ['import a; import b', ['a']],
])('imports that always run in %j', (source, names) => {
  expect(importedNames(source)).toEqual(names);
});

test('what an app imports through its own files, which are left out', async () => {
  const files = {
    'main.py': 'import os, shop.web\nfrom settings import DEBUG\nimport main',
    'shop/__init__.py': 'import json',
    'shop/web.py': 'import http.server\nfrom shop.store import Store',
    'shop/store.py': 'import sqlite3',
    'settings.py': 'import os',
  };
  expect(await importsOf(files, ['main.py'], 'main.py')).toEqual([
    'encodings.idna',
    'http.server',
    'json',
    'os',
    'sqlite3',
  ]);
});

test('a module that is run, and what it is told to serve', async () => {
  const files = { 'web/app.py': 'import starlette.routing', 'web/__init__.py': 'import json' };
  expect(await importsOf(files, ['-m', 'uvicorn', 'web.app:make(1)', '--port', '80'])).toEqual(
    expect.arrayContaining(['json', 'starlette.routing', 'uvicorn']),
  );
  expect(await importsOf(files, ['-m', 'web.app', 'port:80'])).toEqual(['json', 'port', 'starlette.routing']);
});

test('nothing of what cannot be read', async () => {
  expect(await importsOf({ 'main.py/': {} }, ['main.py'], 'main.py')).toEqual([]);
});
