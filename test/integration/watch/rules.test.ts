import { execFile } from 'node:child_process';
import { mkdir, mkdtempDisposable, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTree } from '../../../src/watch/file-tree.ts';
import { IgnoreRules } from '../../../src/watch/ignore-rules.ts';
import { eventually, WatchedApp } from './watched-app.ts';

const run = promisify(execFile);

describe('which files count', () => {
  test('not .git, node_modules, the temporary files of editors, the output of the build', async () => {
    await using app = await WatchedApp.make(tmpdir(), [
      'server.js',
      'out/app.wasm',
      'node_modules/a/index.js',
    ]);
    await app.start({ outputs: [app.path('out'), app.path('app.wasm')] });
    const ignored = [
      '.git/index',
      'node_modules/a/index.js',
      'lib/node_modules/b.js',
      'out/app.wasm',
      'app.wasm',
      'server.js~',
      '.server.js.swp',
      '.server.js.swx',
      '4913',
      '.#server.js',
      '#server.js#',
      'server.js___jb_tmp___',
      '.server.js.kate-swp',
      '.goutputstream-XYZ123',
      'settings.json.vsctmp',
      '.DS_Store',
      'lib/.DS_Store',
    ];
    for (const file of ignored) await app.write(file, 'new');
    await app.nothingElse();
    // Names that only look alike.
    for (const file of ['gitignore', '49130', 'a.swp', '#1.js', 'out.js']) await app.write(file);
    await app.reported('added #1.js', 'added 49130', 'added a.swp', 'added gitignore', 'added out.js');
  });

  test('node_modules, if asked for', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['node_modules/a/index.js']);
    await app.start({ includeNodeModules: true });
    await app.write('node_modules/a/index.js', 'new');
    await app.reported('changed node_modules/a/index.js');
  });

  test('.gitignore files and the patterns of the configuration, which beat them', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js']);
    await app.write('.gitignore', '*.log\n/dist/\ncache\n');
    await app.write('lib/.gitignore', '!kept.log\n/local\n');
    await app.start({ ignore: ['*.tmp', '/data/', '!important.log'] });
    const ignored = [
      'a.log',
      'lib/b.log',
      'dist/x.js',
      'lib/cache/y',
      'lib/local',
      'x.tmp',
      'data/db',
      'lib/z.tmp',
    ];
    for (const file of ignored) await app.write(file);
    await app.nothingElse();
    for (const file of ['lib/kept.log', 'local', 'lib/dist/x.js', 'important.log', 'lib/data/db'])
      await app.write(file);
    await app.reported(
      'added important.log',
      'added lib/data/db',
      'added lib/dist/x.js',
      'added lib/kept.log',
      'added local',
    );
  });

  test('everything but: rules that bring directories back', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js', 'lib/a.js', 'lib/a.txt']);
    await app.write('.gitignore', '*\n!*/\n!*.js\n');
    await app.start();
    await app.write('lib/a.txt', 'new');
    await app.write('lib/b.txt');
    await app.write('lib/a.js', 'new');
    await app.write('new/deep/b.js');
    await eventually(() =>
      expect(new Set(app.reports.flat())).toEqual(new Set(['changed lib/a.js', 'added new/deep/b.js'])),
    );
  });

  test('a .gitignore that changes holds from then on; what it puts in or out is itself no change', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js', 'logs/a.log', 'data/b.db']);
    await app.write('.gitignore', 'logs\n');
    await app.start();
    await app.write('.gitignore', 'data\n');
    await app.reported('changed .gitignore');
    await app.write('data/b.db', 'new');
    await app.nothingElse();
    await app.write('logs/a.log', 'new');
    await app.reported('changed logs/a.log');
    await app.write('logs/.gitignore', '*\n');
    await app.reported('added logs/.gitignore');
    await app.write('logs/a.log', 'again');
    await app.nothingElse();
    await rm(app.path('logs/.gitignore'));
    // It ignored itself, too: its own end shows nowhere, but in the rules of the next look at them.
    await rm(app.path('.gitignore'));
    await app.reported('removed .gitignore');
    await app.write('logs/a.log', 'once more');
    await app.write('data/b.db', 'once more');
    await app.reported('changed data/b.db', 'changed logs/a.log');
  });

  test('the .gitignore files above the app, up to the root of the repository', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js']);
    await mkdir(join(app.directory, '.git'));
    await writeFile(join(app.directory, '.gitignore'), '*.log\n/app/dist\n');
    await app.start();
    await app.write('a.log');
    await app.write('dist/a.js');
    await app.nothingElse();
  });

  test('an app that the repository around it ignores is watched all the same', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js']);
    await mkdir(join(app.directory, '.git'));
    for (const pattern of ['/app', '*']) {
      await writeFile(join(app.directory, '.gitignore'), pattern);
      await app.start();
      await app.write('server.js', `in spite of ${pattern}`);
      await app.reported('changed server.js');
      await app.watch[Symbol.asyncDispose]();
    }
  });
});

test('rules that leave nothing are named', async () => {
  await using app = await WatchedApp.make(tmpdir(), ['server.js']);
  await app.write('.gitignore', '*\n');
  await app.start();
  expect(app.warnings).toEqual([expect.stringMatching(/^no file in .*app is watched: .*\.gitignore/)]);
});

describe('what is declared counts in any case', () => {
  test('files inside, even in ignored directories, and nothing beside them', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js', '.env', 'build/app.wasm', 'build/app.o']);
    await app.write('.gitignore', '.env\nbuild\n');
    const paths = ['.env', 'build/app.wasm', 'later/deep/made.wasm'].map((file) => app.path(file));
    await app.start({ paths, outputs: [app.path('build')], debounceMs: 250 });
    await app.write('build/app.o', 'new');
    await app.nothingElse();
    await app.write('.env', 'A=1');
    await app.reported('changed .env');
    for (const content of ['1', '2']) {
      await app.write('build/tmp', content);
      await rename(app.path('build/tmp'), app.path('build/app.wasm'));
      await app.reported('changed build/app.wasm');
    }
    await rm(app.path('build'), { recursive: true });
    await app.write('build/app.o');
    await app.write('build/app.wasm');
    await app.write('later/deep/made.wasm');
    await app.reported('changed build/app.wasm', 'added later/deep/made.wasm');
    await app.write('build/app.wasm', 'new');
    await app.reported('changed build/app.wasm');
  });

  test('files and directories outside, that come and go, and those that symbolic links lead to', async () => {
    await using app = await WatchedApp.make(tmpdir(), ['server.js']);
    await app.write('../shared/lib.js');
    await app.write('../shared/.gitignore', '*');
    await app.write('../secrets/env');
    await symlink('../secrets/env', app.path('.env'));
    await app.start({
      paths: ['../shared', '../config.toml', '.env'].map((file) => app.path(file)),
    });
    await app.write('../shared/lib.js', 'new');
    await app.reported('changed ../shared/lib.js');
    await app.write('../config.toml');
    await app.reported('added ../config.toml');
    await app.write('../config.toml', 'new');
    await app.reported('changed ../config.toml');
    await rm(app.path('../config.toml'));
    await app.reported('removed ../config.toml');
    await app.write('../secrets/env', 'A=1');
    await app.reported('changed ../secrets/env');
    await rm(app.path('../shared'), { recursive: true });
    await app.reported('removed ../shared/.gitignore', 'removed ../shared/lib.js');
  });
});

test(
  'git agrees: the same files count, whatever the .gitignore files say',
  { timeout: 300_000 },
  async () => {
    const name = fc.constantFrom('a', 'b', 'c.log', 'd[1] *', 'build');
    const directory = fc.array(fc.constantFrom('a', 'b', 'd[1] *', 'build'), { maxLength: 2 });
    const file = fc.tuple(directory, name).map(([path, last]) => [...path, last].join('/'));
    const pattern = fc
      .tuple(
        fc.constantFrom('', '!', '/', '!/', '**/'),
        fc.constantFrom('a', 'b', '*.log', 'c*', 'build', 'a/b', '*', 'build/*', '?'),
        fc.constantFrom('', '/', '/**'),
      )
      .map((parts) => parts.join(''));
    const gitignore = fc.tuple(directory, fc.array(pattern, { minLength: 1, maxLength: 4 }));

    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { minLength: 1, maxLength: 12 }),
        fc.array(gitignore, { maxLength: 3 }),
        async (files, gitignores) => {
          await using temporary = await mkdtempDisposable(join(tmpdir(), 'wasmrun-git-'));
          const root = temporary.path;
          const make = async (path: string, content: string) => {
            await mkdir(dirname(join(root, path)), { recursive: true });
            await writeFile(join(root, path), content, { flag: 'wx' });
          };
          // A name cannot be a file and a directory at once: the first one stays.
          for (const path of files) await make(path, '').catch(() => {});
          for (const [path, patterns] of gitignores) {
            await make([...path, '.gitignore'].join('/'), patterns.join('\n')).catch(() => {});
          }
          await run('git', ['init', '-q', root]);
          const { stdout } = await run('git', [
            '-C',
            root,
            'ls-files',
            '-z',
            '--others',
            '--exclude-standard',
          ]);

          const options = { root, declared: [], outputs: [], patterns: [], includeNodeModules: false };
          const rules = new IgnoreRules(options);
          const tree = await readTree(root, (path, isDirectory) => rules.ignores(path, isDirectory));
          const counted = [...(tree ?? [])].flatMap(([path, state]) =>
            [...state.files.keys()].map((last) => join(path, last).slice(root.length + 1)),
          );
          expect(counted.sort()).toEqual(stdout.split('\0').filter(Boolean).sort());
        },
      ),
      { numRuns: 150 },
    );
  },
);
