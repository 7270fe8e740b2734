import { execFileSync } from 'node:child_process';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addEnvFiles } from './env-files.ts';

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

test('the environment is what Node makes of the same files', () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'wasmrun-env-'));
  const workingDirectory = directory.path;
  writeFileSync(
    join(workingDirectory, 'one.env'),
    '# first\nA=1\nB="two\nlines"\nexport C=c # no\nD=\nE=$A\n',
  );
  writeFileSync(join(workingDirectory, 'two.env'), "A=2\nF='single # quoted'\nPORT=1\n");
  const variables = { PORT: '3000', EMPTY: '' };
  const flags = ['--env-file=one.env', '--env-file-if-exists=none.env', '--env-file', 'two.env'];
  const nodes = execFileSync(process.execPath, [...flags, '-p', 'JSON.stringify(process.env)'], {
    cwd: workingDirectory,
    env: variables,
    encoding: 'utf8',
  });
  const files = [
    { path: 'one.env', optional: false },
    { path: 'none.env', optional: true },
    { path: 'two.env', optional: false },
  ];
  expect(addEnvFiles(variables, files, { workingDirectory, read: readText })).toEqual(JSON.parse(nodes));
});

test('a file that has to be there is missed', () => {
  const files = [{ path: '.env', optional: false }];
  expect(() => addEnvFiles({}, files, { workingDirectory: '/nowhere', read: readText })).toThrow(
    'the environment file .env of the start script is not there',
  );
});
