/** Paths of a guest: mounts, the way to them, and symbolic links in the guest's own terms. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DirectoryEntry } from '../../../src/engine/descriptor.ts';
import { FILETYPE } from '../../../src/engine/descriptor.ts';
import { mountFiles } from '../../helpers/guest-files.ts';

const { EACCES, EBUSY, EEXIST, EISDIR, ELOOP, ENOENT, ENOTDIR, EPERM, EROFS, EXDEV } = constants.errno;
const { O_CREAT, O_RDONLY, O_WRONLY } = await import('node:fs').then(({ constants: flags }) => flags);

let base: string;
let app: string;

beforeEach(() => {
  base = mkdtempSync(join(realpathSync(tmpdir()), 'wasmrun-files-'));
  app = join(base, 'app');
  mkdirSync(join(app, 'src/inner'), { recursive: true });
  mkdirSync(join(base, 'data'));
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(app, 'main.js'), 'main');
  writeFileSync(join(app, 'src/lib.js'), 'lib');
  writeFileSync(join(base, 'data/table'), 'data');
  writeFileSync(join(base, 'outside/secret'), 'secret');
});

afterEach(() => rmSync(base, { recursive: true }));

const namesOf = (entries: DirectoryEntry[] | number): string[] | number =>
  typeof entries === 'number' ? entries : entries.map(({ name }) => Buffer.from(name).toString());

test('only the way to the mounts exists above them, and nothing can be made there', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/home/me/app' }], ['/tmp']);
  expect(namesOf(files.readDirectory('/'))).toEqual(['home', 'tmp']);
  expect(namesOf(files.readDirectory('/home'))).toEqual(['me']);
  expect(namesOf(files.readDirectory('/home/me/'))).toEqual(['app']);
  expect(namesOf(files.readDirectory('/home/me/app'))).toEqual(['main.js', 'src']);
  expect(files.stat('/home/me', false)).toMatchObject({ filetype: FILETYPE.directory, mode: 0o40555 });
  expect(files.realPath('/home/./me//app/src/..')).toEqual(Buffer.from('/home/me/app'));
  expect(files.stat('/etc', true)).toBe(-ENOENT);
  expect(files.stat('/home/other', true)).toBe(-ENOENT);
  expect(files.stat('/proc/self', true)).toBe(-ENOENT);
  expect(files.readText('/home', O_RDONLY)).toBe(-EISDIR);
  expect(files.open('/new', O_CREAT | O_WRONLY, 0o666)).toBe(-EROFS);
  expect(files.makeDirectory('/home/new', 0o777)).toBe(-EROFS);
  expect(files.removeDirectory('/home')).toBe(-EBUSY);
  expect(files.rename('/home/me/app', '/tmp/app')).toBe(-EBUSY);
  expect(files.access('/home', 2)).toBe(-EROFS);
  expect(files.access('/home', 5)).toBe(0);
  expect(files.link('/home', '/tmp/x')).toBe(-EPERM);
  expect(files.setMode('/home', 0o777)).toBe(-EROFS);
});

test('a mount point itself is there and cannot be taken away', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/app' }]);
  expect(files.makeDirectory('/app', 0o777)).toBe(-EEXIST);
  expect(files.removeDirectory('/app')).toBe(-EBUSY);
  expect(files.unlink('/app')).toBe(-EISDIR);
  expect(files.rename('/app', '/app/x')).toBe(-EBUSY);
  expect(files.symlink('x', '/app')).toBe(-EEXIST);
});

test('a mount within another is found through links and dots, and listed', async () => {
  mkdirSync(join(app, 'data'));
  writeFileSync(join(app, 'data/hidden'), 'hidden');
  symlinkSync('data', join(app, 'to-data'));
  symlinkSync('/app/data/table', join(app, 'to-table'));
  using files = await mountFiles([
    { hostPath: app, guestPath: '/app' },
    { hostPath: join(base, 'data'), guestPath: '/app/data' },
    { hostPath: join(base, 'data'), guestPath: '/app/not/there/yet' },
  ]);
  for (const path of ['/app/data/table', '/app/to-data/table', '/app/src/../data/table', '/app/to-table']) {
    expect(files.readText(path, O_RDONLY), path).toBe('data');
  }
  expect(files.readText('/app/to-data/hidden', O_RDONLY)).toBe(-ENOENT);
  expect(files.readText('/app/not/there/yet/table', O_RDONLY)).toBe('data');
  expect(namesOf(files.readDirectory('/app'))).toContain('not');
  expect(files.realPath('/app/to-data')).toEqual(Buffer.from('/app/data'));
  expect(files.rename('/app/main.js', '/app/data')).toBe(-EBUSY);
});

test('an absolute link leads where the guest would go, and nowhere else', async () => {
  symlinkSync(join(app, 'src'), join(app, 'within'));
  symlinkSync(join(base, 'outside/secret'), join(app, 'without'));
  symlinkSync('../outside', join(app, 'relative'));
  symlinkSync(join(base, 'data'), join(app, 'other-mount'));
  symlinkSync('/', join(app, 'root'));
  symlinkSync('../app/src', join(app, 'out-and-in'));
  using files = await mountFiles([{ hostPath: app }, { hostPath: join(base, 'data') }]);
  const at = (path: string): string => join(app, path);
  expect(files.readText(at('within/lib.js'), O_RDONLY)).toBe('lib');
  expect(files.readText(at('other-mount/table'), O_RDONLY)).toBe('data');
  expect(files.readText(at('out-and-in/lib.js'), O_RDONLY)).toBe('lib');
  expect(files.readText(`${at('root')}${app}/main.js`, O_RDONLY)).toBe('main');
  expect(files.readText(at('without'), O_RDONLY)).toBe(-ENOENT);
  expect(files.readText(at('relative/secret'), O_RDONLY)).toBe(-ENOENT);
  expect(files.readText(at('root/etc/passwd'), O_RDONLY)).toBe(-ENOENT);
  expect(files.open(at('without'), O_CREAT | O_WRONLY, 0o666)).toBe(-ENOENT);
  expect(files.stat(at('without'), false)).toMatchObject({ filetype: FILETYPE.symbolicLink });
  expect(files.realPath(at('within/inner'))).toEqual(Buffer.from(at('src/inner')));
});

test('links may be made to what is the same for the host, no others', async () => {
  using files = await mountFiles([{ hostPath: app }, { hostPath: join(base, 'data'), guestPath: '/data' }]);
  const at = (path: string): string => join(app, path);
  expect(files.symlink(at('src'), at('fine'))).toBe(0);
  expect(files.symlink('src', at('relative'))).toBe(0);
  expect(files.symlink('/etc/passwd', at('bad'))).toBe(-EACCES);
  expect(files.symlink('/data/table', at('bad'))).toBe(-EACCES);
  expect(files.symlink(`${app}/../outside/secret`, at('bad'))).toBe(-EACCES);
  expect(files.readLink(at('fine'))).toEqual(Buffer.from(at('src')));
});

test('relative paths start in the current directory', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/app' }]);
  symlinkSync('src', join(app, 'link'));
  expect(files.changeDirectory('/app/link')).toBe('/app/src');
  expect(files.readText('lib.js', O_RDONLY)).toBe('lib');
  expect(files.readText('../main.js', O_RDONLY)).toBe('main');
  expect(files.changeDirectory('..')).toBe('/app');
  expect(files.changeDirectory('main.js')).toBe(-ENOTDIR);
  expect(files.changeDirectory('missing')).toBe(-ENOENT);
  expect(files.changeDirectory('/')).toBe('/');
  expect(files.readText('app/main.js', O_RDONLY)).toBe('main');
  expect(files.readText('', O_RDONLY)).toBe(-ENOENT);
});

test('names need not be text', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/app' }]);
  const path = Buffer.from('/app/\xff\xfe', 'latin1');
  const fd = files.open(path, O_CREAT | O_WRONLY, 0o666);
  expect(files.openFiles.writeBytes(fd, Buffer.from('x'), undefined)).toBe(1);
  files.openFiles.close(fd);
  expect(readFileSync(Buffer.concat([Buffer.from(`${app}/`), path.subarray(5)]), 'utf8')).toBe('x');
  const entries = files.readDirectory('/app') as DirectoryEntry[];
  expect(entries.map(({ name }) => Buffer.from(name).toString('latin1'))).toContain('\xff\xfe');
});

test('what is mounted read-only stays as it is', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/app', readOnly: true }], ['/tmp']);
  expect(files.readText('/app/main.js', O_RDONLY)).toBe('main');
  expect(files.open('/app/main.js', O_WRONLY, 0)).toBe(-EROFS);
  expect(files.makeDirectory('/app/new', 0o777)).toBe(-EROFS);
  expect(files.unlink('/app/main.js')).toBe(-EROFS);
  expect(files.rename('/app/main.js', '/app/x')).toBe(-EROFS);
  expect(files.rename('/app/main.js', '/tmp/x')).toBe(-EXDEV);
  expect(files.setMode('/app/main.js', 0o777)).toBe(-EROFS);
  expect(files.setTimes('/app/main.js', true, { atim: 1n, mtim: 1n })).toBe(-EROFS);
  expect(files.access('/app/main.js', 2)).toBe(-EROFS);
});

test('nobody gets rights by a mode', async () => {
  using files = await mountFiles([{ hostPath: app, guestPath: '/app' }]);
  expect(files.setMode('/app/main.js', 0o6755)).toBe(0);
  expect(files.stat('/app/main.js', true)).toMatchObject({ mode: 0o100755 });
  const fd = files.open('/app/setuid', O_CREAT | O_WRONLY, 0o4777);
  expect(files.openFiles.setMode(fd, 0o2700)).toBe(0);
  expect(files.openFiles.stat(fd)).toMatchObject({ mode: 0o100700 });
  files.openFiles.close(fd);
  expect(files.setOwner('/app/main.js', true, false)).toBe(-EPERM);
  expect(files.setOwner('/app/main.js', true, true)).toBe(0);
});

test('links that go round end', async () => {
  symlinkSync(join(app, 'b'), join(app, 'a'));
  symlinkSync(join(app, 'a'), join(app, 'b'));
  symlinkSync(`${app}/${'src/../'.repeat(20)}main.js`, join(app, 'long'));
  using files = await mountFiles([{ hostPath: app }]);
  expect(files.readText(join(app, 'a'), O_RDONLY)).toBe(-ELOOP);
  expect(files.readText(join(app, 'long'), O_RDONLY)).toBe('main');
});
