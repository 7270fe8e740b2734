'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { AsyncLocalStorage, executionAsyncId } = require('node:async_hooks');
const { tell, statusOf } = require('./tell.cjs');

const root = path.join(__dirname, 'tree');
fs.mkdirSync(root);
process.chdir(root);

/** Tells what a callback gets, or what is thrown before it is called. */
const call = (name, action, show = (values) => values) =>
  new Promise((resolve) => {
    let isLater = false;
    try {
      action((...values) => {
        tell(name, [isLater ? 'later' : 'at once', values[0] instanceof Error ? values[0] : show(values)]);
        resolve();
      });
      isLater = true;
    } catch (error) {
      tell(name, error);
      resolve();
    }
  });
const status = ([error, stats]) => [error, stats && statusOf(stats)];

const main = async () => {
  await call('writeFile', (done) => fs.writeFile('a.txt', 'grüße', done));
  await call('writeFile options', (done) =>
    fs.writeFile('b.txt', '00ff', { encoding: 'hex', mode: 0o600, flush: true }, done),
  );
  await call('writeFile exclusive', (done) => fs.writeFile('a.txt', '', { flag: 'wx' }, done));
  await call('writeFile large', (done) => fs.writeFile('large', Buffer.alloc(2_000_000, 'ab'), done));
  await call('writeFile to directory', (done) => fs.writeFile('.', 'x', done));
  await call('appendFile', (done) => fs.appendFile('a.txt', '!', done));
  await call('readFile', (done) => fs.readFile('a.txt', done));
  await call('readFile utf8', (done) => fs.readFile('a.txt', 'utf8', done));
  await call(
    'readFile large',
    (done) => fs.readFile('large', done),
    ([error, bytes]) => [error, bytes.length, bytes.toString('latin1', 0, 4)],
  );
  await call('readFile empty', (done) => (fs.writeFileSync('empty', ''), fs.readFile('empty', done)));
  await call('readFile missing', (done) => fs.readFile('missing', done));
  await call('readFile directory', (done) => fs.readFile('.', done));
  await call(
    'readFile aborted',
    (done) => fs.readFile('a.txt', { signal: AbortSignal.abort() }, done),
    ([error]) => error.code,
  );
  await call('readFile no callback', () => fs.readFile('a.txt'));
  const fd = await new Promise((resolve) => fs.open('fd.txt', 'w+', (error, opened) => resolve(opened)));
  await call('write', (done) => fs.write(fd, 'hello', done));
  await call('write bytes', (done) => fs.write(fd, Buffer.from('big world'), 3, 6, 5, done));
  await call('writev', (done) => fs.writev(fd, [Buffer.from('1'), Buffer.from('23')], 20, done));
  await call('read', (done) => fs.read(fd, Buffer.alloc(6), 1, 5, 0, done));
  await call('read options', (done) => fs.read(fd, { buffer: Buffer.alloc(4), position: 5 }, done));
  await call('readv', (done) => fs.readv(fd, [Buffer.alloc(2), Buffer.alloc(3)], 0, done));
  await call('readFile of a descriptor', (done) => fs.readFile(fd, 'latin1', done));
  await call('fstat', (done) => fs.fstat(fd, done), status);
  await call('ftruncate', (done) => fs.ftruncate(fd, 3, done));
  await call('fsync', (done) => fs.fsync(fd, done));
  await call('fdatasync', (done) => fs.fdatasync(fd, done));
  await call('futimes', (done) => fs.futimes(fd, 1, 2, done));
  await call('fchmod', (done) => fs.fchmod(fd, 0o640, done));
  await call('close', (done) => fs.close(fd, done));
  await call('close again', (done) => fs.close(fd, done));
  await call(
    'read closed',
    (done) => fs.read(fd, Buffer.alloc(1), 0, 1, 0, done),
    ([error]) => error,
  );
  await call('open missing', (done) => fs.open('missing', done));
  await call('stat', (done) => fs.stat('fd.txt', done), status);
  await call('stat bigint', (done) => fs.stat('fd.txt', { bigint: true }, done), status);
  await call('stat missing', (done) => fs.stat('missing', done));
  await call('stat missing quietly', (done) => fs.stat('missing', { throwIfNoEntry: false }, done));
  await call('lstat', (done) => (fs.symlinkSync('a.txt', 'link'), fs.lstat('link', done)), status);
  await call('exists', (done) => fs.exists('a.txt', done));
  await call('access', (done) => fs.access('a.txt', done));
  await call('access missing', (done) => fs.access('missing', fs.constants.R_OK, done));
  await call('mkdir', (done) => fs.mkdir('d', done));
  await call('mkdir recursive', (done) => fs.mkdir('d/e/f', { recursive: true }, done));
  await call('mkdir again', (done) => fs.mkdir('d', done));
  await call(
    'mkdtemp',
    (done) => fs.mkdtemp('d/t-', done),
    ([error, made]) => [error, made.length],
  );
  await call('readdir', (done) => fs.readdir('.', done));
  await call('readdir types', (done) => fs.readdir('.', { withFileTypes: true }, done));
  await call(
    'readdir recursive',
    (done) => fs.readdir('d', { recursive: true }, done),
    ([error, names]) => [error, names.length],
  );
  await call('readdir missing', (done) => fs.readdir('missing', done));
  await call(
    'opendir',
    (done) => fs.opendir('.', done),
    ([error, directory]) => [error, directory.path],
  );
  await call('opendir missing', (done) => fs.opendir('missing', done));
  await call('link', (done) => fs.link('a.txt', 'hard', done));
  await call('symlink', (done) => fs.symlink('d', 'to-d', done));
  await call('symlink again', (done) => fs.symlink('d', 'to-d', done));
  await call('readlink', (done) => fs.readlink('to-d', done));
  await call(
    'realpath',
    (done) => fs.realpath('to-d/e', done),
    ([error, found]) => [error, path.relative(root, found)],
  );
  await call(
    'realpath native',
    (done) => fs.realpath.native('to-d/e', done),
    ([error, found]) => [error, path.relative(root, found)],
  );
  await call('realpath missing', (done) => fs.realpath('to-d/missing', done));
  await call('rename', (done) => fs.rename('hard', 'renamed', done));
  await call('rename missing', (done) => fs.rename('hard', 'renamed', done));
  await call('copyFile', (done) => fs.copyFile('a.txt', 'copy', done));
  await call('copyFile exclusive', (done) => fs.copyFile('a.txt', 'copy', fs.constants.COPYFILE_EXCL, done));
  await call('chmod', (done) => fs.chmod('copy', 0o600, done));
  await call('utimes', (done) => fs.utimes('copy', 3, 4, done));
  await call('lutimes', (done) => fs.lutimes('link', 3, 4, done));
  await call(
    'statfs',
    (done) => fs.statfs('.', done),
    ([error, { bsize }]) => [error, bsize > 0],
  );
  await call('truncate', (done) => fs.truncate('copy', 2, done));
  await call('cp', (done) => fs.cp('d', 'cp-d', { recursive: true }, done));
  await call('unlink', (done) => fs.unlink('copy', done));
  await call('unlink missing', (done) => fs.unlink('copy', done));
  await call('rmdir', (done) => fs.rmdir('d/e/f', done));
  await call('rmdir full', (done) => fs.rmdir('d', done));
  await call('rm', (done) => fs.rm('renamed', done));
  await call('rm missing', (done) => fs.rm('renamed', done));
  await call('rm recursive', (done) => fs.rm('cp-d', { recursive: true }, done));
  tell('rest', fs.readdirSync('.'));

  const storage = new AsyncLocalStorage();
  await storage.run('context', () =>
    call('context', (done) => fs.stat('.', () => done(null, storage.getStore(), executionAsyncId() > 1))),
  );
  const order = [];
  await new Promise((resolve) => {
    fs.stat('.', () => {
      order.push('stat');
      process.nextTick(() => order.push('tick'));
      void Promise.resolve().then(() => order.push('microtask'));
      setImmediate(() => (order.push('immediate'), resolve()));
    });
    process.nextTick(() => order.push('first tick'));
    void Promise.resolve().then(() => order.push('first microtask'));
  });
  tell('order', order);
};
void main();
