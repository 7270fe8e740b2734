import { describe, expect, test } from 'vitest';
import { writeAppDirectory, type AppFiles } from '../../test/helpers/app-directory.ts';
import { findRefusedPackages, refusalNotices } from './refused-packages.ts';

const find = async (files: AppFiles, at = '') => {
  await using app = await writeAppDirectory(files);
  return findRefusedPackages(`${app.path}${at}`, app.path);
};

const wants = (...names: string[]) => ({
  dependencies: Object.fromEntries(names.map((name) => [name, '1'])),
});
const wantsPerhaps = (...names: string[]) => ({
  optionalDependencies: Object.fromEntries(names.map((name) => [name, '1'])),
});

describe('native addons', () => {
  test('are found by each of their marks', async () => {
    const { addons, missing } = await find({
      'package.json': wants('gyp', 'flag', 'built', 'pre', 'main', '@s/exported', 'plain'),
      'node_modules/gyp/package.json': {},
      'node_modules/gyp/binding.gyp': '',
      'node_modules/flag/package.json': { gypfile: true },
      'node_modules/built/package.json': {},
      'node_modules/built/prebuilds/linux-x64/node.napi.node': '',
      'node_modules/pre/package.json': { binary: { module_name: 'pre' } },
      'node_modules/main/package.json': { main: './build/Release/main.node' },
      'node_modules/@s/exported/package.json': { exports: { './x': './lib/x.node' } },
      'node_modules/plain/package.json': { main: 'node.js', binary: 'x', exports: './a.node.js' },
    });
    expect(addons).toEqual(['@s/exported', 'built', 'flag', 'gyp', 'main', 'pre']);
    expect(missing).toEqual([]);
  });

  test('are found behind other dependencies, hoisted, nested, or beside them as pnpm has it', async () => {
    const { addons } = await find({
      'package.json': wants('a', 'p'),
      'node_modules/a/package.json': wants('hoisted', 'nested'),
      'node_modules/hoisted/package.json': { gypfile: true, ...wants('a') },
      'node_modules/a/node_modules/nested/package.json': { gypfile: true },
      'node_modules/nested/package.json': {},
      'node_modules/p': { linkTo: '.pnpm/p@1/node_modules/p' },
      'node_modules/.pnpm/p@1/node_modules/p/package.json': wants('q'),
      'node_modules/.pnpm/p@1/node_modules/q': { linkTo: '../../q@1/node_modules/q' },
      'node_modules/.pnpm/q@1/node_modules/q/package.json': { gypfile: true },
    });
    expect(addons).toEqual(['hoisted', 'nested', 'q']);
  });

  test("are found in a workspace's root, and not above it", async () => {
    const files = {
      'package.json': {},
      'apps/web/package.json': wants('addon'),
      'node_modules/addon/package.json': { gypfile: true },
    };
    expect(await find(files, '/apps/web')).toEqual({ addons: ['addon'], missing: [] });
    await using app = await writeAppDirectory(files);
    expect(findRefusedPackages(`${app.path}/apps/web`, `${app.path}/apps`)).toEqual({
      addons: [],
      missing: ['addon'],
    });
  });

  test('do not count where they are optional, unless one platform has nothing else', async () => {
    const { addons } = await find({
      'package.json': { ...wants('ws', 'sharp', 'both'), ...wantsPerhaps('faster') },
      'node_modules/ws/package.json': wantsPerhaps('bufferutil'),
      'node_modules/bufferutil/package.json': { gypfile: true },
      'node_modules/sharp/package.json': wantsPerhaps('@img/sharp-linux-x64', '@img/sharp-win32-x64'),
      'node_modules/@img/sharp-linux-x64/package.json': {
        cpu: ['x64'],
        exports: { './sharp.node': './lib/sharp.node' },
      },
      'node_modules/faster/package.json': wantsPerhaps('faster-linux'),
      'node_modules/faster-linux/package.json': { os: ['linux'], main: 'a.node' },
      'node_modules/both/package.json': wants('later'),
      'node_modules/later/package.json': wants('bufferutil-too'),
      'node_modules/bufferutil-too/package.json': { gypfile: true },
    });
    expect(addons).toEqual(['bufferutil-too', 'sharp']);
  });

  test('count where somebody else needs what is optional to one', async () => {
    const { addons } = await find({
      'package.json': { ...wantsPerhaps('addon'), ...wants('a') },
      'node_modules/a/package.json': wants('b'),
      'node_modules/b/package.json': wants('addon'),
      'node_modules/addon/package.json': { gypfile: true },
    });
    expect(addons).toEqual(['addon']);
  });
});

test('what is broken, missing, or led outside is no reason to fail', async () => {
  await using outside = await writeAppDirectory({ 'package.json': { gypfile: true } });
  const found = await find({
    'package.json': {
      ...wants('broken', 'gone', 'linked', '../../../..', 'odd'),
      ...wantsPerhaps('gone-too'),
    },
    'node_modules/broken/package.json': '{',
    'node_modules/linked': { linkTo: outside.path },
    'node_modules/odd/package.json/': '',
  });
  expect(found).toEqual({ addons: [], missing: ['gone'] });
  expect(await find({})).toEqual({ addons: [], missing: [] });
  expect(await find({ 'package.json': '{' })).toEqual({ addons: [], missing: [] });
});

test('a thousand packages are enough', async () => {
  const names = Array.from({ length: 1100 }, (_, index) => `p${index}`);
  const packages = Object.fromEntries(
    names.map((name, index) => [
      `node_modules/${name}/package.json`,
      { gypfile: index === 999 || index === 1000 },
    ]),
  );
  expect((await find({ 'package.json': wants(...names), ...packages })).addons).toEqual(['p999']);
});

test('the notice names what to use instead, where there is something', () => {
  expect(refusalNotices({ addons: ['bcrypt', 'homemade'], missing: ['express'] })).toEqual([
    'native addons cannot be loaded in the sandbox; found among the dependencies: bcrypt (instead: bcryptjs), homemade',
    'dependencies that are not installed: express (npm install)',
  ]);
  expect(refusalNotices({ addons: [], missing: [] })).toEqual([]);
});
