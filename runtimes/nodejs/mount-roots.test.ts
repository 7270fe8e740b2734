import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { constants } from 'node:os';
import { closeSync, openSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WASI } from '../../src/engine/errno.ts';
import { openBeneath } from '../../src/engine/host-path.ts';
import { O } from '../../src/engine/open-flags.ts';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { mountFiles } from '../../test/helpers/guest-files.ts';
import { findMountRoots } from './mount-roots.ts';
import { ancestors, broadness, isWithin } from '../../src/runtime/app-directory.ts';
import { isMember } from './workspace.ts';

const find = async (files: AppFiles, at: string) => {
  await using app = await writeAppDirectory(files);
  const { root, mounts, notices } = await findMountRoots(join(app.path, at));
  expect(mounts).toEqual([{ hostPath: root, guestPath: root, readOnly: true }]);
  return {
    root: relative(app.path, root),
    notices: notices.map((notice) => notice.replaceAll(app.path, '')),
  };
};

/** As the engine opens a file of a mount: the kernel decides. Returns 0 or an error of WASI. */
const openInMount = (mount: string, path: string): number => {
  const directory = openSync(mount, O.RDONLY | O.DIRECTORY);
  try {
    const opened = openBeneath(directory, Buffer.from(path), O.RDONLY);
    if (opened >= 0) closeSync(opened);
    return Math.min(opened, 0);
  } finally {
    closeSync(directory);
  }
};

describe('the root is', () => {
  const member = { 'repo/packages/web/package.json': { name: 'web' } };

  test.each<[string, AppFiles, string, string]>([
    ['the directory of scripts without a package', { 'a/server.js': '' }, 'a', 'a'],
    ['the package', { 'a/package.json': { name: 'a' } }, 'a', 'a'],
    ['the package of a directory in it', { 'a/package.json': { main: 'x' }, 'a/b/c/': '' }, 'a/b/c', 'a'],
    [
      'not that of a package.json that only says how to read files',
      { 'a/package.json': { name: 'a' }, 'a/dist/package.json': { type: 'module' } },
      'a/dist',
      'a',
    ],
    [
      "npm's workspace",
      { ...member, 'repo/package.json': { workspaces: ['packages/*'] } },
      'repo/packages/web',
      'repo',
    ],
    [
      "yarn's workspace",
      { ...member, 'repo/package.json': { workspaces: { packages: ['./packages/web/'] } } },
      'repo/packages/web/',
      'repo',
    ],
    [
      "pnpm's workspace",
      { ...member, 'repo/pnpm-workspace.yaml': "packages:\n  - 'packages/**'\n  - '!**/test/**'\n" },
      'repo/packages/web',
      'repo',
    ],
    [
      'the package, where the workspace does not include it',
      { ...member, 'repo/package.json': { workspaces: ['apps/*'] }, 'repo/pnpm-workspace.yaml': 'packages:' },
      'repo/packages/web',
      'repo/packages/web',
    ],
    [
      'the nearest workspace that includes it',
      {
        ...member,
        'package.json': { workspaces: ['repo/**'] },
        'repo/package.json': { workspaces: ['packages/web'] },
        'repo/packages/package.json': { workspaces: ['other'] },
      },
      'repo/packages/web',
      'repo',
    ],
    ['the workspace itself', { 'package.json': { workspaces: ['packages/*'] }, 'a.js': '' }, '.', ''],
  ])('%s', async (_, files, at, root) => {
    expect(await find(files, at)).toEqual({ root, notices: [] });
  });

  test('wide enough for the links that npm makes in a workspace, and they open there only', async () => {
    await using app = await writeAppDirectory({
      'package.json': { private: true, workspaces: ['packages/*'] },
      'packages/lib/package.json': { name: '@my/lib', version: '1.0.0', main: 'lib.js' },
      'packages/lib/lib.js': '',
      'packages/web/package.json': { name: 'web', version: '1.0.0', dependencies: { '@my/lib': '*' } },
    });
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund'], {
      cwd: app.path,
      stdio: 'ignore',
    });
    const web = join(app.path, 'packages/web');
    expect(await findMountRoots(web)).toMatchObject({ root: app.path, notices: [] });
    expect(openInMount(app.path, 'node_modules/@my/lib/lib.js')).toBe(0);
    expect(openInMount(join(app.path, 'node_modules'), '@my/lib/lib.js')).toBe(-WASI.ENOTCAPABLE);
  });
});

describe('links among the dependencies', () => {
  test('that lead outside are named, as the kernel refuses them', async () => {
    await using other = await writeAppDirectory({ 'package.json': { name: 'other' }, 'index.js': '' });
    await using app = await writeAppDirectory({
      'package.json': { name: 'app' },
      'lib/index.js': '',
      'node_modules/inside': { linkTo: '../lib' },
      'node_modules/linked': { linkTo: join('../..', basename(other.path)) },
      'node_modules/@scope/linked': { linkTo: other.path },
      'node_modules/dangling': { linkTo: 'nowhere' },
      'node_modules/real/index.js': '',
    });
    await symlink(join(app.path, 'lib'), join(app.path, 'node_modules/absolute'));
    await symlink(app.path, join(other.path, 'alias'));
    await symlink(join(other.path, 'alias/lib'), join(app.path, 'node_modules/detour'));
    const { notices } = await findMountRoots(app.path);
    const named = (name: string) =>
      notices.filter((notice) => notice.startsWith(join(app.path, 'node_modules', name)));
    for (const name of ['linked', '@scope/linked']) {
      expect(named(name)).toEqual([
        expect.stringContaining(`is a link to ${other.path}, outside of ${app.path}`),
      ]);
      expect(named(name).join()).toContain(`npm install --install-links ${other.path}`);
      expect(openInMount(app.path, `node_modules/${name}/index.js`)).toBe(-WASI.ENOTCAPABLE);
    }
    // The kernel follows none that is absolute; the guest's file system does, within the mount.
    expect(named('absolute')).toEqual([]);
    using files = await mountFiles([{ hostPath: app.path, readOnly: true }]);
    expect(files.readText(join(app.path, 'node_modules/absolute/index.js'), 0)).toBe('');
    // By another name of the app's directory, which the guest does not have.
    expect(named('detour')).toEqual([expect.stringContaining('absolute path is not beneath')]);
    expect(files.readText(join(app.path, 'node_modules/detour/index.js'), 0)).toBe(-constants.errno.ENOENT);
    expect(openInMount(app.path, 'node_modules/inside/index.js')).toBe(0);
    expect(notices).toHaveLength(3);
  });

  test("of yarn's Plug'n'Play are not there at all", async () => {
    const { notices } = await find({ 'package.json': { name: 'a' }, '.pnp.cjs': '' }, '.');
    expect(notices).toEqual([expect.stringContaining('nodeLinker: node-modules')]);
  });
});

describe('what holds more than an app', () => {
  test.each([
    ['/', 'the root directory'],
    ['/root', 'a home directory'],
    ['/home', 'a directory of home directories'],
    ['/home/ann', 'a home directory'],
    ['/Users/ann', 'a home directory'],
    ['/srv/people/bob', 'a home directory'],
    ['/srv/people', 'a directory of home directories'],
    ['/srv', 'a directory of home directories'],
    ['/tmp', 'a directory that everybody writes to'],
  ])('%s is refused', async (directory, reason) => {
    expect(broadness(directory, '/srv/people/bob')).toBe(reason);
  });

  test.each(['/home/ann/app', '/srv/people/bob/app', '/srv/people/bobby', '/tmp/app', '/var/www', '/app'])(
    '%s is an app',
    (directory) => {
      expect(broadness(directory, '/srv/people/bob')).toBeUndefined();
    },
  );

  test('is an error to run', async () => {
    await expect(findMountRoots('/')).rejects.toMatchObject({
      code: 'APP_NOT_RUNNABLE',
      message: '/ is the root directory: the app would see all of it',
      hint: 'put the app into a directory of its own',
    });
  });

  test('is never reached from below', () => {
    const name = fc
      .string({ unit: fc.constantFrom('a', 'b', '.', '-'), minLength: 1, maxLength: 3 })
      .filter((text) => !/^\.\.?$/.test(text));
    const base = fc.constantFrom('/home/ann', '/root', '/tmp', '/srv');
    fc.assert(
      fc.property(base, fc.array(name, { minLength: 1 }), (base, names) => {
        const path = join(base, ...names);
        const found = ancestors(path);
        expect(found[0]).toBe(path);
        for (const directory of found) {
          expect(isWithin(path, directory)).toBe(true);
          expect(directory).not.toBe('/');
          if (base !== '/srv') expect(isWithin(directory, base) && directory !== base).toBe(true);
        }
      }),
    );
  });
});

describe('patterns of workspaces', () => {
  test.each<[string, string[], boolean]>([
    ['packages/a', ['packages/*'], true],
    ['packages/a', ['/packages/*/'], true],
    ['packages/a/b', ['packages/*'], false],
    ['packages/a/b', ['packages/**'], true],
    ['packages/a', ['packages/{a,b}'], true],
    ['packages/a', ['packages/*', '!packages/a'], false],
    ['packages/a', ['!packages/a', 'packages/*'], false],
    ['packages/a', ['!packages/b'], false],
    ['packages/node_modules/a', ['packages/**'], false],
    ['packages/a', [], false],
  ])('%s in %j: %s', (member, patterns, expected) => {
    expect(isMember(member, patterns)).toBe(expected);
  });
});
