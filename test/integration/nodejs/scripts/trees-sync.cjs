'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('./tell.cjs');

const root = path.join(__dirname, 'tree');
fs.mkdirSync(root);
process.chdir(root);

/** Where the words are those of the C++ library. */
const codeOf = (action) => {
  try {
    return action();
  } catch ({ code, errno, syscall, path: at }) {
    return { code, errno, syscall, at };
  }
};

attempt('mkdir', () => fs.mkdirSync('d'));
attempt('mkdir again', () => fs.mkdirSync('d'));
attempt('mkdir mode', () => (fs.mkdirSync('private', 0o700), fs.statSync('private').mode.toString(8)));
attempt('mkdir in nothing', () => fs.mkdirSync('x/y'));
attempt('mkdir recursive', () => fs.mkdirSync('r/s/t/u', { recursive: true }));
attempt('mkdir recursive again', () => fs.mkdirSync('r/s/t/u', { recursive: true }));
attempt('mkdir recursive partly', () => fs.mkdirSync('r/s/v/w', { recursive: true }));
attempt('mkdir recursive absolute', () => fs.mkdirSync(path.join(root, 'r2/s'), { recursive: true }));
attempt('mkdir recursive dots', () => fs.mkdirSync('r3/../r4/./s/', { recursive: true }));
fs.writeFileSync('file', 'content');
attempt('mkdir recursive on a file', () => fs.mkdirSync('file', { recursive: true }));
attempt('mkdir recursive beneath a file', () => fs.mkdirSync('file/x/y', { recursive: true }));
attempt('mkdtemp', () => {
  const made = fs.mkdtempSync('tmp-');
  return [
    /^tmp-[a-zA-Z0-9]{6}$/.test(made),
    fs.statSync(made).mode.toString(8),
    (fs.rmdirSync(made), 'gone'),
  ];
});
attempt('mkdtemp missing', () => fs.mkdtempSync('missing/x'));
attempt('mkdtemp buffer', () => {
  const made = fs.mkdtempSync('tmp-', 'buffer');
  fs.rmdirSync(made);
  return [Buffer.isBuffer(made), made.length];
});

fs.writeFileSync('d/b.txt', '');
fs.writeFileSync('d/ä.txt', '');
fs.writeFileSync('d/a.txt', '');
fs.mkdirSync('d/sub');
fs.writeFileSync('d/sub/inner.txt', 'inner');
fs.symlinkSync('../file', 'd/link');
fs.symlinkSync('sub', 'd/sublink');
fs.symlinkSync('nowhere', 'd/broken');
attempt('readdir', () => fs.readdirSync('d'));
attempt('readdir buffer', () => fs.readdirSync('d', 'buffer'));
attempt('readdir hex', () => fs.readdirSync('d', 'hex'));
attempt('readdir types', () => fs.readdirSync('d', { withFileTypes: true }));
attempt('readdir types buffer', () => fs.readdirSync('d/sub', { withFileTypes: true, encoding: 'buffer' }));
attempt('readdir recursive', () => fs.readdirSync('.', { recursive: true }));
attempt('readdir recursive types', () => fs.readdirSync('d', { recursive: true, withFileTypes: true }));
attempt('readdir recursive buffer', () => fs.readdirSync('r', { recursive: true, encoding: 'buffer' }));
attempt('readdir missing', () => fs.readdirSync('missing'));
attempt('readdir recursive missing', () => fs.readdirSync('missing', { recursive: true }));
attempt('readdir file', () => fs.readdirSync('file'));
attempt('readdir slash', () => fs.readdirSync('d/sublink/'));
attempt('opendir', () => {
  const directory = fs.opendirSync('d', { bufferSize: 2 });
  const found = [];
  for (let entry; (entry = directory.readSync()) !== null;) found.push(entry);
  directory.closeSync();
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
});
attempt('opendir recursive', () => {
  const directory = fs.opendirSync('.', { recursive: true });
  const found = [];
  for (let entry; (entry = directory.readSync()) !== null;)
    found.push(path.join(entry.parentPath, entry.name));
  directory.closeSync();
  return found.toSorted((a, b) => (a < b ? -1 : 1));
});
attempt('opendir closed twice', () => {
  const directory = fs.opendirSync('d');
  directory.closeSync();
  directory.closeSync();
});
attempt('opendir missing', () => fs.opendirSync('missing'));
attempt('opendir file', () => fs.opendirSync('file'));
attempt('glob', () => fs.globSync('**/*.txt').sort());

attempt('readlink', () => fs.readlinkSync('d/link'));
attempt('readlink buffer', () => fs.readlinkSync('d/link', 'buffer'));
attempt('readlink file', () => fs.readlinkSync('file'));
attempt('readlink missing', () => fs.readlinkSync('missing'));
attempt('realpath', () => path.relative(root, fs.realpathSync('d/sublink/inner.txt')));
attempt('realpath native', () => path.relative(root, fs.realpathSync.native('d/sublink/../link')));
attempt('realpath buffer', () => fs.realpathSync('d/link', 'buffer').toString() === path.join(root, 'file'));
attempt('realpath missing', () => fs.realpathSync('missing'));
attempt('realpath native missing', () => fs.realpathSync.native('d/missing'));
attempt('realpath broken', () => fs.realpathSync('d/broken'));
attempt('realpath dots', () => fs.realpathSync('d/../d/./sub/..') === path.join(root, 'd'));
attempt('through a link', () => fs.readFileSync('d/link', 'utf8'));
attempt('through a link and up', () => fs.readFileSync('d/sublink/../link', 'utf8'));
attempt('up from a file', () => fs.readFileSync('file/../file', 'utf8'));
attempt('up from nothing', () => fs.readFileSync('missing/../file', 'utf8'));
attempt('write through a link', () => (fs.writeFileSync('d/link', 'new'), fs.readFileSync('file', 'utf8')));
attempt('write through a broken link', () => {
  fs.writeFileSync('d/broken', 'made');
  const made = fs.readFileSync('d/nowhere', 'utf8');
  fs.unlinkSync('d/nowhere');
  return made;
});
attempt('absolute link', () => {
  fs.symlinkSync(path.join(root, 'd/sub'), 'absolute');
  return [
    fs.readlinkSync('absolute') === path.join(root, 'd/sub'),
    fs.readFileSync('absolute/inner.txt', 'utf8'),
  ];
});
attempt('absolute link written through', () => {
  fs.symlinkSync(path.join(root, 'made-by-link'), 'absolute-file');
  fs.writeFileSync('absolute-file', 'yes');
  const found = [fs.readFileSync('made-by-link', 'utf8'), fs.lstatSync('absolute-file').isSymbolicLink()];
  fs.rmSync('absolute-file');
  fs.rmSync('made-by-link');
  return found;
});
attempt(
  'realpath of an absolute link',
  () => fs.realpathSync('absolute/inner.txt') === path.join(root, 'd/sub/inner.txt'),
);
attempt(
  'realpath native of an absolute link',
  () => fs.realpathSync.native('absolute') === path.join(root, 'd/sub'),
);
attempt('a loop', () => {
  fs.symlinkSync('loop2', 'loop1');
  fs.symlinkSync('loop1', 'loop2');
  return fs.statSync('loop1');
});
attempt('a loop of absolute links', () => {
  fs.symlinkSync(path.join(root, 'loop4'), 'loop3');
  fs.symlinkSync(path.join(root, 'loop3'), 'loop4');
  return fs.readFileSync('loop3');
});
attempt('stat of a broken link', () => fs.statSync('d/broken'));
attempt('exists of a broken link', () => fs.existsSync('d/broken'));
attempt('symlink again', () => fs.symlinkSync('x', 'd/link'));
attempt('symlink in nothing', () => fs.symlinkSync('x', 'missing/link'));
attempt('link', () => {
  fs.linkSync('file', 'hard');
  return [fs.statSync('hard').nlink, fs.statSync('hard').ino === fs.statSync('file').ino];
});
attempt('link again', () => fs.linkSync('file', 'hard'));
attempt('link missing', () => fs.linkSync('missing', 'other'));
attempt('link a directory', () => fs.linkSync('d', 'other'));

attempt(
  'rename',
  () => (fs.renameSync('hard', 'renamed'), [fs.existsSync('hard'), fs.readFileSync('renamed', 'utf8')]),
);
attempt('rename missing', () => fs.renameSync('missing', 'other'));
attempt(
  'rename over',
  () => (fs.writeFileSync('over', 'old'), fs.renameSync('renamed', 'over'), fs.readFileSync('over', 'utf8')),
);
attempt('rename directory over file', () => fs.renameSync('d', 'file'));
attempt('rename file over directory', () => fs.renameSync('file', 'd'));
attempt('rename into itself', () => fs.renameSync('d', 'd/sub/x'));
attempt('rename to full', () => fs.renameSync('r', 'd'));
attempt('copyFile', () => {
  fs.chmodSync('file', 0o750);
  fs.copyFileSync('file', 'copy');
  return [fs.readFileSync('copy', 'utf8'), fs.statSync('copy').mode.toString(8)];
});
attempt(
  'copyFile over longer',
  () => (
    fs.writeFileSync('long', 'x'.repeat(50)),
    fs.copyFileSync('file', 'long'),
    fs.readFileSync('long', 'utf8')
  ),
);
attempt('copyFile exclusive', () => fs.copyFileSync('file', 'copy', fs.constants.COPYFILE_EXCL));
attempt('copyFile clone', () => fs.copyFileSync('file', 'copy', fs.constants.COPYFILE_FICLONE));
attempt('copyFile to itself', () => (fs.copyFileSync('file', 'file'), fs.readFileSync('file', 'utf8')));
attempt('copyFile missing', () => fs.copyFileSync('missing', 'copy'));
attempt('copyFile to nothing', () => fs.copyFileSync('file', 'missing/copy'));
attempt('copyFile to directory', () => fs.copyFileSync('file', 'd'));

const list = (directory) =>
  fs.readdirSync(directory, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) => {
    const at = path.join(parentPath, name);
    const stats = fs.lstatSync(at);
    return [
      at,
      stats.isSymbolicLink()
        ? path.relative(root, path.resolve(fs.readlinkSync(at)))
        : stats.mode.toString(8),
    ];
  });
attempt('cp', () => (fs.cpSync('file', 'cp-file'), fs.readFileSync('cp-file', 'utf8')));
attempt('cp directory', () => fs.cpSync('d', 'cp-d'));
attempt('cp recursive', () => (fs.cpSync('d', 'cp-d', { recursive: true }), list('cp-d')));
attempt('cp recursive again', () => codeOf(() => fs.cpSync('d', 'cp-d', { recursive: true })));
attempt('cp verbatim', () => {
  fs.cpSync('d', 'cp-verbatim', { recursive: true, verbatimSymlinks: true });
  return fs
    .readdirSync('cp-verbatim')
    .filter((name) => fs.lstatSync(`cp-verbatim/${name}`).isSymbolicLink())
    .map((name) => [name, fs.readlinkSync(`cp-verbatim/${name}`)]);
});
attempt(
  'cp filter',
  () => (
    fs.cpSync('d', 'cp-filter', {
      recursive: true,
      filter: (from) => !from.includes('link') && !from.includes('broken'),
    }),
    list('cp-filter')
  ),
);
attempt(
  'cp dereference',
  () => (
    fs.unlinkSync('d/broken'),
    fs.cpSync('d', 'cp-dereference', { recursive: true, dereference: true }),
    list('cp-dereference')
  ),
);
attempt(
  'cp no force',
  () => (
    fs.writeFileSync('cp-d/a.txt', 'kept'),
    fs.cpSync('d', 'cp-d', { recursive: true, force: false }),
    fs.readFileSync('cp-d/a.txt', 'utf8')
  ),
);
attempt('cp error on exist', () => fs.cpSync('file', 'cp-file', { force: false, errorOnExist: true }));
attempt('cp times', () => {
  fs.utimesSync('file', 100, 200);
  fs.cpSync('file', 'cp-times', { preserveTimestamps: true });
  return fs.statSync('cp-times').mtimeMs;
});
attempt('cp onto itself', () => fs.cpSync('d', 'd', { recursive: true }));
attempt('cp into itself', () => fs.cpSync('d', 'd/sub/d', { recursive: true }));
attempt('cp directory to file', () => fs.cpSync('d', 'file', { recursive: true }));
attempt('cp file to directory', () => fs.cpSync('file', 'd'));
attempt('cp missing', () => fs.cpSync('missing', 'x'));
attempt('cp makes parents', () => (fs.cpSync('file', 'p/q/file'), fs.readFileSync('p/q/file', 'utf8')));

attempt('rmdir', () => (fs.rmdirSync('private'), fs.existsSync('private')));
attempt('rmdir full', () => fs.rmdirSync('d'));
attempt('rmdir file', () => fs.rmdirSync('file'));
attempt('rmdir missing', () => fs.rmdirSync('missing'));
attempt('unlink', () => (fs.unlinkSync('copy'), fs.existsSync('copy')));
attempt('unlink missing', () => fs.unlinkSync('missing'));
attempt('unlink directory', () => fs.unlinkSync('d'));
attempt('rm', () => (fs.rmSync('over'), fs.existsSync('over')));
attempt('rm missing', () => fs.rmSync('missing'));
attempt('rm missing with force', () => fs.rmSync('missing', { force: true }));
attempt('rm directory', () => fs.rmSync('d'));
attempt(
  'rm a link to a directory',
  () => (fs.rmSync('absolute', { recursive: true }), fs.existsSync('d/sub/inner.txt')),
);
attempt(
  'rm a broken link',
  () => (fs.symlinkSync('nowhere', 'broken'), fs.rmSync('broken'), fs.readdirSync('.').includes('broken')),
);
attempt('rm recursive', () => (fs.rmSync('d', { recursive: true }), fs.existsSync('d')));
attempt(
  'rm recursive file',
  () => (fs.rmSync('cp-file', { recursive: true, force: true }), fs.existsSync('cp-file')),
);
attempt('rm beneath a file', () => fs.rmSync('file/x', { force: true }));
attempt('rest', () => fs.readdirSync('.'));
attempt('chdir', () => (process.chdir('r/s'), path.relative(root, process.cwd())));
attempt('relative afterwards', () => fs.readdirSync('..'));
attempt('chdir missing', () => process.chdir('missing'));
attempt('chdir file', () => process.chdir('../../file'));
