'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { attempt, statusOf } = require('./tell.cjs');

const root = path.join(__dirname, 'tree');
fs.mkdirSync(root);
process.chdir(root);
attempt('cwd', () => process.cwd());

// Contents
attempt('write', () => fs.writeFileSync('a.txt', 'grüße\n'));
attempt('write bytes', () => fs.writeFileSync('b.bin', Uint8Array.of(0, 255, 128, 7)));
attempt('write latin1', () => fs.writeFileSync('c.txt', 'ÄÖ', 'latin1'));
attempt('write hex', () => fs.writeFileSync('d.txt', '00ff', { encoding: 'hex', mode: 0o600 }));
attempt('read', () => fs.readFileSync('a.txt', 'utf8'));
attempt('read bytes', () => fs.readFileSync('b.bin'));
attempt('read latin1', () => fs.readFileSync('c.txt', 'latin1'));
attempt('read invalid utf8', () => fs.readFileSync('b.bin', 'utf8'));
attempt('read base64', () => fs.readFileSync('b.bin', 'base64'));
attempt('read by buffer path', () => fs.readFileSync(Buffer.from('a.txt'), 'utf8'));
attempt('read by url', () => fs.readFileSync(new URL('a.txt', `file://${root}/`), 'utf8'));
attempt('append', () => (fs.appendFileSync('a.txt', 'more'), fs.readFileSync('a.txt', 'utf8')));
attempt(
  'append flag',
  () => (fs.writeFileSync('a.txt', '!', { flag: 'a' }), fs.readFileSync('a.txt', 'utf8')),
);
attempt('exclusive', () => fs.writeFileSync('a.txt', '', { flag: 'wx' }));
attempt('flush', () => fs.writeFileSync('f.txt', 'flushed', { flush: true }));
attempt('empty', () => (fs.writeFileSync('empty', ''), fs.readFileSync('empty', 'utf8')));
attempt('large', () => {
  const bytes = Buffer.alloc(3_000_000, 'abcdefg');
  fs.writeFileSync('large', bytes);
  fs.writeFileSync('large.txt', bytes.toString());
  return [fs.readFileSync('large').equals(bytes), fs.readFileSync('large.txt', 'utf8') === bytes.toString()];
});
attempt('missing', () => fs.readFileSync('missing'));
attempt('missing utf8', () => fs.readFileSync('missing', 'utf8'));
attempt('directory', () => fs.readFileSync('.'));
attempt('directory utf8', () => fs.readFileSync('.', 'utf8'));
attempt('write into missing', () => fs.writeFileSync('no/where', 'x'));
attempt('write to directory', () => fs.writeFileSync('.', 'x'));
attempt('beneath a file', () => fs.readFileSync('a.txt/b'));
attempt('slash at the end', () => fs.readFileSync('a.txt/'));
attempt('nothing', () => fs.readFileSync(''));
attempt('nul', () => fs.readFileSync('a\0b'));
attempt('long name', () => fs.writeFileSync('x'.repeat(300), ''));
attempt('long path', () => fs.readFileSync('x/'.repeat(3000)));

// Descriptors
attempt('descriptor', () => {
  const fd = fs.openSync('fd.txt', 'w+');
  const told = [
    fs.writeSync(fd, 'hello '),
    fs.writeSync(fd, Buffer.from('big world'), 4, 5),
    fs.writeSync(fd, 'X', 0),
  ];
  const buffer = Buffer.alloc(20);
  told.push(fs.readSync(fd, buffer, 2, 10, 0), buffer.toString('latin1'));
  told.push(fs.readSync(fd, buffer), fs.readSync(fd, buffer, { position: 6 }), buffer.toString('latin1'));
  told.push(fs.readSync(fd, buffer, 0, 3, 2n));
  told.push(fs.fstatSync(fd).size);
  fs.ftruncateSync(fd, 4);
  fs.fsyncSync(fd);
  fs.fdatasyncSync(fd);
  told.push(fs.readFileSync('fd.txt', 'utf8'));
  fs.ftruncateSync(fd, 8);
  told.push(fs.readFileSync('fd.txt', 'latin1'));
  fs.closeSync(fd);
  return told;
});
attempt('vectors', () => {
  const fd = fs.openSync('v.txt', 'w+');
  const told = [fs.writevSync(fd, [Buffer.from('one'), new Uint8Array([65, 66]), Buffer.from('two')])];
  told.push(fs.writevSync(fd, [Buffer.from('+')], 1));
  const parts = [Buffer.alloc(2), Buffer.alloc(10)];
  told.push(fs.readvSync(fd, parts, 0), parts);
  told.push(fs.readvSync(fd, [new DataView(new ArrayBuffer(4))], 100));
  fs.closeSync(fd);
  return told;
});
attempt('append descriptor', () => {
  const fd = fs.openSync('fd.txt', 'a+');
  fs.writeSync(fd, 'end', 0);
  const text = fs.readFileSync(fd, 'utf8');
  fs.closeSync(fd);
  return [text, fs.readFileSync('fd.txt', 'latin1')];
});
attempt('read a descriptor twice', () => {
  const fd = fs.openSync('a.txt', 'r');
  const told = [fs.readFileSync(fd, 'utf8'), fs.readFileSync(fd, 'utf8'), fs.readFileSync(fd)];
  fs.closeSync(fd);
  return told;
});
attempt('write a descriptor', () => {
  const fd = fs.openSync('a2.txt', 'w');
  fs.writeFileSync(fd, 'one');
  fs.writeFileSync(fd, Buffer.from('two'));
  fs.closeSync(fd);
  return fs.readFileSync('a2.txt', 'utf8');
});
for (const [name, action] of Object.entries({
  close: () => fs.closeSync(987),
  read: () => fs.readSync(987, Buffer.alloc(1)),
  write: () => fs.writeSync(987, Buffer.alloc(1)),
  'write text': () => fs.writeSync(987, 'x'),
  writev: () => fs.writevSync(987, [Buffer.alloc(1)]),
  fstat: () => fs.fstatSync(987),
  fsync: () => fs.fsyncSync(987),
  fdatasync: () => fs.fdatasyncSync(987),
  ftruncate: () => fs.ftruncateSync(987),
  fchmod: () => fs.fchmodSync(987, 0o600),
  futimes: () => fs.futimesSync(987, 1, 1),
  fchown: () => fs.fchownSync(987, 1, 1),
  'read file': () => fs.readFileSync(987),
  'read file utf8': () => fs.readFileSync(987, 'utf8'),
  'write file utf8': () => fs.writeFileSync(987, 'x'),
  'a text': () => fs.closeSync('3'),
  'a fraction': () => fs.readSync(1.5, Buffer.alloc(1)),
  negative: () => fs.fstatSync(-1),
})) {
  attempt(`no descriptor: ${name}`, action);
}
attempt('read what is open for writing', () => fs.readSync(fs.openSync('a2.txt', 'a'), Buffer.alloc(1)));
attempt('write what is open for reading', () => fs.writeSync(fs.openSync('a2.txt', 'r'), 'x'));
attempt('descriptor of a directory', () => {
  const fd = fs.openSync('.', 'r');
  fs.fsyncSync(fd);
  const isDirectory = fs.fstatSync(fd).isDirectory();
  fs.closeSync(fd);
  return isDirectory;
});
attempt('open a directory for writing', () => fs.openSync('.', 'w'));
attempt('flags', () => fs.openSync('a.txt', fs.constants.O_DIRECTORY));
attempt('no follow', () => {
  fs.symlinkSync('a.txt', 'link-to-a');
  return fs.openSync('link-to-a', fs.constants.O_NOFOLLOW);
});
attempt('exclusive link', () => fs.openSync('link-to-a', 'wx'));

// Status
attempt('stat', () => statusOf(fs.statSync('a.txt')));
attempt('stat bigint', () => statusOf(fs.statSync('a.txt', { bigint: true })));
attempt('stat directory', () => statusOf(fs.statSync('.')).kind);
attempt('lstat', () => statusOf(fs.lstatSync('link-to-a')));
attempt('fstat', () => {
  const fd = fs.openSync('d.txt', 'r');
  const status = statusOf(fs.fstatSync(fd));
  const { mtimeNs, mtimeMs } = fs.fstatSync(fd, { bigint: true });
  fs.closeSync(fd);
  return [status, mtimeNs / 1_000_000n === mtimeMs];
});
attempt('stat missing', () => fs.statSync('missing'));
attempt('stat missing quietly', () => fs.statSync('missing', { throwIfNoEntry: false }));
attempt('lstat missing quietly', () => fs.lstatSync('a.txt/x', { throwIfNoEntry: false }));
attempt('exists', () => ['a.txt', 'missing', '.', 'a.txt/x', ''].map((name) => fs.existsSync(name)));
attempt('access', () => fs.accessSync('a.txt', fs.constants.R_OK | fs.constants.W_OK));
attempt('access missing', () => fs.accessSync('missing'));
attempt('same inode', () => fs.statSync('a.txt').ino === fs.statSync('link-to-a').ino);
attempt('stat fs', () => {
  const { bsize, blocks, bfree } = fs.statfsSync('.');
  return [bsize > 0, blocks > 0, bfree > 0, typeof fs.statfsSync('.', { bigint: true }).blocks];
});
attempt('statfs missing', () => fs.statfsSync('missing'));
attempt('chmod', () => {
  fs.chmodSync('a.txt', 0o640);
  fs.chmodSync('link-to-a', 0o604);
  const fd = fs.openSync('d.txt', 'r');
  fs.fchmodSync(fd, 0o444);
  fs.closeSync(fd);
  return ['a.txt', 'd.txt'].map((name) => fs.statSync(name).mode.toString(8));
});
attempt('chmod missing', () => fs.chmodSync('missing', 0o600));
attempt('chown missing', () => fs.chownSync('missing', 0, 0));
attempt('lchown missing', () => fs.lchownSync('missing', 0, 0));
attempt('utimes', () => {
  fs.utimesSync('a.txt', 1_000_000_000.123, new Date('2001-02-03T04:05:06.789Z'));
  const { atimeMs, mtimeMs } = fs.statSync('a.txt');
  fs.lutimesSync('link-to-a', 5, 6);
  const link = fs.lstatSync('link-to-a');
  const fd = fs.openSync('a2.txt', 'r+');
  fs.futimesSync(fd, 1.5, 2.25);
  const open = fs.fstatSync(fd);
  fs.closeSync(fd);
  return [atimeMs, mtimeMs, link.atimeMs, link.mtimeMs, open.atimeMs, open.mtimeMs];
});
attempt('utimes text', () => (fs.utimesSync('a.txt', '77', '78'), fs.statSync('a.txt').mtimeMs));
attempt('utimes missing', () => fs.utimesSync('missing', 1, 1));
attempt('lutimes missing', () => fs.lutimesSync('missing', 1, 1));
attempt('truncate', () => (fs.truncateSync('a.txt', 3), fs.readFileSync('a.txt', 'utf8')));
attempt('truncate longer', () => (fs.truncateSync('a.txt', 6), fs.readFileSync('a.txt', 'latin1')));
attempt('truncate missing', () => fs.truncateSync('missing'));
