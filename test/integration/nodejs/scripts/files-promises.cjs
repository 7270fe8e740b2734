'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { attemptLater, statusOf, tell } = require('./tell.cjs');
const { pipeline } = require('node:stream/promises');
const readline = require('node:readline');

const promises = fs.promises;
const root = path.join(__dirname, 'tree');
fs.mkdirSync(root);
process.chdir(root);

const contents = async () => {
  await attemptLater('writeFile', () => promises.writeFile('a.txt', 'grüße'));
  await attemptLater('writeFile stream', () =>
    promises.writeFile(
      's.txt',
      (function* () {
        yield 'one';
        yield 'two';
      })(),
    ),
  );
  await attemptLater('writeFile large', () => promises.writeFile('large', Buffer.alloc(1_500_000, 'x')));
  await attemptLater('writeFile exclusive', () => promises.writeFile('a.txt', '', { flag: 'wx' }));
  await attemptLater('appendFile', () => promises.appendFile('a.txt', '!'));
  await attemptLater('readFile', () => promises.readFile('a.txt'));
  await attemptLater('readFile utf8', () => promises.readFile('a.txt', 'utf8'));
  await attemptLater('readFile large', async () => (await promises.readFile('large')).length);
  await attemptLater('readFile large utf8', async () => (await promises.readFile('large', 'utf8')).length);
  await attemptLater('readFile missing', () => promises.readFile('missing'));
  await attemptLater('readFile directory', () => promises.readFile('.'));
  await attemptLater('has a stack', () =>
    promises.readFile('missing').catch(({ stack }) => stack.startsWith('Error: ENOENT')),
  );
};

const handles = async () => {
  const handle = await promises.open('h.txt', 'w+');
  tell('fd', typeof handle.fd);
  await attemptLater('handle write', () => handle.write('hello world'));
  await attemptLater('handle write at', () => handle.write(Buffer.from('J'), 0, 1, 0));
  await attemptLater('handle writev', () => handle.writev([Buffer.from('a'), Buffer.from('b')]));
  await attemptLater('handle read', () => handle.read(Buffer.alloc(5), 0, 5, 0));
  await attemptLater('handle readv', () => handle.readv([Buffer.alloc(2), Buffer.alloc(2)], 0));
  await attemptLater('handle stat', async () => statusOf(await handle.stat()));
  await attemptLater('handle truncate', () => handle.truncate(5));
  await attemptLater('handle sync', () => handle.sync());
  await attemptLater('handle datasync', () => handle.datasync());
  await attemptLater('handle utimes', () => handle.utimes(1, 2));
  await attemptLater('handle chmod', () => handle.chmod(0o600));
  await attemptLater('handle appendFile', () => handle.appendFile('+'));
  await attemptLater('handle close', () => handle.close());
  await attemptLater('handle closed twice', () => handle.close());
  await attemptLater('handle read closed', () => handle.read(Buffer.alloc(1)));
  tell('fd closed', handle.fd);
  await attemptLater('handle readFile', async () => {
    const opened = await promises.open('h.txt');
    try {
      return await opened.readFile('utf8');
    } finally {
      await opened.close();
    }
  });
  await attemptLater('handle lines', async () => {
    await promises.writeFile('lines', 'one\ntwo\nthree');
    const lines = [];
    const opened = await promises.open('lines');
    for await (const line of opened.readLines()) lines.push(line);
    return lines;
  });
  await attemptLater('handle web stream', async () => {
    await using opened = await promises.open('lines');
    let text = '';
    for await (const chunk of opened.readableWebStream()) text += Buffer.from(chunk).toString();
    return text;
  });
  await attemptLater('open missing', () => promises.open('missing'));
};

const trees = async () => {
  await attemptLater('mkdir', () => promises.mkdir('d'));
  await attemptLater('mkdir recursive', async () =>
    path.relative(root, await promises.mkdir('d/e/f', { recursive: true })),
  );
  await attemptLater('mkdir again', () => promises.mkdir('d'));
  await attemptLater('mkdtemp', async () => (await promises.mkdtemp('d/t-')).length);
  await attemptLater('readdir', () => promises.readdir('.'));
  await attemptLater('readdir types', () => promises.readdir('.', { withFileTypes: true }));
  await attemptLater(
    'readdir recursive',
    async () => (await promises.readdir('d', { recursive: true })).length,
  );
  await attemptLater('opendir', async () => {
    const names = [];
    for await (const { name } of await promises.opendir('.')) names.push(name);
    return names.toSorted((a, b) => (a < b ? -1 : 1));
  });
  await attemptLater('opendir missing', () => promises.opendir('missing'));
  await attemptLater('glob', async () => (await Array.fromAsync(promises.glob('*.txt'))).sort());
  await attemptLater('symlink', () => promises.symlink('d', 'to-d'));
  await attemptLater('readlink', () => promises.readlink('to-d'));
  await attemptLater('realpath', async () => path.relative(root, await promises.realpath('to-d/e')));
  await attemptLater('realpath missing', () => promises.realpath('missing'));
  await attemptLater('link', () => promises.link('a.txt', 'hard'));
  await attemptLater('link missing', () => promises.link('missing', 'x'));
  await attemptLater('rename', () => promises.rename('hard', 'renamed'));
  await attemptLater('rename missing', () => promises.rename('hard', 'renamed'));
  await attemptLater('copyFile', () => promises.copyFile('a.txt', 'copy'));
  await attemptLater('copyFile missing', () => promises.copyFile('missing', 'copy'));
  await attemptLater('cp', async () => {
    fs.writeFileSync('d/file', 'content');
    fs.symlinkSync('file', 'd/inner-link');
    await promises.cp('d', 'cp-d', { recursive: true });
    return [fs.readdirSync('cp-d').length, path.relative(root, fs.readlinkSync('cp-d/inner-link'))];
  });
  await attemptLater('cp again', () => promises.cp('d', 'cp-d', { recursive: true }));
  await attemptLater('cp missing', () => promises.cp('missing', 'x'));
  await attemptLater('cp directory', () => promises.cp('d', 'x'));
  await attemptLater('cp exists', () => promises.cp('a.txt', 'copy', { force: false, errorOnExist: true }));
  await attemptLater('chmod', () => promises.chmod('copy', 0o600));
  await attemptLater('utimes', () => promises.utimes('copy', 3, 4));
  await attemptLater('lutimes', () => promises.lutimes('to-d', 3, 4));
  await attemptLater('stat', async () => statusOf(await promises.stat('copy')));
  await attemptLater('lstat', async () => statusOf(await promises.lstat('to-d')));
  await attemptLater('stat missing', () => promises.stat('missing'));
  await attemptLater('statfs', async () => (await promises.statfs('.')).bsize > 0);
  await attemptLater('truncate', () => promises.truncate('copy', 1));
  await attemptLater('access', () => promises.access('copy'));
  await attemptLater('access missing', () => promises.access('missing'));
  await attemptLater('unlink', () => promises.unlink('copy'));
  await attemptLater('unlink missing', () => promises.unlink('copy'));
  await attemptLater('rmdir full', () => promises.rmdir('d'));
  await attemptLater('rm', () => promises.rm('renamed'));
  await attemptLater('rm missing', () => promises.rm('renamed'));
  await attemptLater('rm recursive', () => promises.rm('cp-d', { recursive: true }));
  tell('rest', fs.readdirSync('.'));
};

const streams = async () => {
  await attemptLater('pipeline', async () => {
    await pipeline(fs.createReadStream('large', { highWaterMark: 100_000 }), fs.createWriteStream('piped'));
    return fs.statSync('piped').size;
  });
  await attemptLater('range', async () => {
    fs.writeFileSync('digits', '0123456789');
    return (
      await Array.fromAsync(fs.createReadStream('digits', { start: 2, end: 5, encoding: 'utf8' }))
    ).join('');
  });
  await attemptLater('write at', async () => {
    const stream = fs.createWriteStream('digits', { flags: 'r+', start: 4 });
    stream.write('ab');
    stream.end('cd');
    await new Promise((resolve) => stream.on('close', resolve));
    return [fs.readFileSync('digits', 'utf8'), stream.bytesWritten];
  });
  await attemptLater('many small', async () => {
    const stream = fs.createWriteStream('many');
    for (let index = 0; index < 2000; index += 1) stream.write(`${index}\n`);
    await new Promise((resolve) => stream.end(resolve));
    return fs.readFileSync('many', 'utf8').split('\n').length;
  });
  await attemptLater('readline', async () => {
    let count = 0;
    for await (const line of readline.createInterface({ input: fs.createReadStream('many') }))
      count += Number(line);
    return count;
  });
  await attemptLater('stream missing', () => Array.fromAsync(fs.createReadStream('missing')));
  await attemptLater('stream to nowhere', () =>
    pipeline(fs.createReadStream('digits'), fs.createWriteStream('no/where')),
  );
  await attemptLater('events', async () => {
    const events = [];
    const stream = fs.createReadStream('digits');
    for (const name of ['open', 'ready', 'data', 'end', 'close']) stream.on(name, () => events.push(name));
    await new Promise((resolve) => stream.on('close', resolve));
    return events;
  });
};

const watching = () =>
  attemptLater('watchFile', () => {
    fs.writeFileSync('watched', '1');
    return new Promise((resolve) => {
      fs.watchFile('watched', { interval: 20 }, (now, before) => {
        fs.unwatchFile('watched');
        resolve([now.size, before.size]);
      });
      setTimeout(() => fs.writeFileSync('watched', '123'), 100);
    });
  });

const missingWatched = () =>
  attemptLater(
    'watchFile missing',
    () =>
      new Promise((resolve) => {
        fs.watchFile('not-there', { interval: 20 }, (now, before) => {
          fs.unwatchFile('not-there');
          resolve([now.size, before.size, now.nlink]);
        });
      }),
  );

const main = async () => {
  for (const part of [contents, handles, trees, streams, watching, missingWatched]) await part();
};
void main();
