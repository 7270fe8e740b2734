/** Apps start from a snapshot: what starts may not share, and what makes another snapshot. */
import { readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pythonRuntime } from '../../../runtimes/python/index.ts';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { startEngine } from '../../helpers/engine.ts';
import { program, snapshots, start, useOwnCache } from '../../helpers/python-snapshot.ts';

useOwnCache();

test('two starts share nothing random, and each has its own arguments, variables, input and time', async () => {
  await using app = await writeAppDirectory({
    'main.py': program(
      {
        random: 'random.random()',
        seeded: 'dice.seeded.random()',
        unseeded: 'dice.unseeded.random()',
        secret: 'secrets.token_hex()',
        uuid: 'str(uuid.uuid4())',
        authkey: 'multiprocessing.current_process().authkey.hex()',
        urandom: 'os.urandom(8).hex()',
        argv: '[sys.argv, sys.orig_argv]',
        env: '[os.environ.get("NAME"), os.getenv("NAME"), len(__import__("posix").environ)]',
        cwd: 'os.getcwd()',
        path: 'sys.path[0]',
        file: '__file__',
        stdin: 'sys.stdin.read()',
        uptime: 'logging.LogRecord("", 0, "", 0, "", (), None).relativeCreated',
        now: 'time.time()',
        leftovers:
          '[name for name in sys.modules if "wasmrun" in name and name not in ("_wasmrun_start", "_wasmrun_process")] + [name for name in vars() if "wasmrun" in name]',
      },
      'import dice, multiprocessing',
    ),
    'site-packages/dice.py': 'import random\nseeded = random.Random(7)\nunseeded = random.Random()\n',
  });
  // What the first one makes the second one takes.
  for (let count = 0; count < 2; count += 1) await start(app.path, { stdin: '' });
  const [file] = snapshots();
  const { ino } = statSync(file!);
  const begin = Date.now();
  const one = await start(app.path, { args: ['a'], env: { NAME: 'one' }, stdin: 'first' });
  const other = await start(app.path, {
    args: ['b', 'c'],
    env: { NAME: 'other', MORE: '' },
    stdin: 'second',
  });
  expect(statSync(file!).ino).toBe(ino);
  expect(other['hash']).toBe(one['hash']);
  for (const name of ['random', 'unseeded', 'secret', 'uuid', 'urandom', 'authkey']) {
    expect(other[name], name).not.toBe(one[name]);
  }
  expect(one['seeded']).toBe(0.323_832_764_833_162_37);
  expect(other['seeded']).toBe(one['seeded']);
  const main = join(app.path, 'main.py');
  expect(one['argv']).toEqual([
    [main, 'a'],
    ['python', main, 'a'],
  ]);
  expect(other['argv']).toEqual([
    [main, 'b', 'c'],
    ['python', main, 'b', 'c'],
  ]);
  const [, , count] = one['env'] as [string, string, number];
  expect(one['env']).toEqual(['one', 'one', count]);
  expect(other['env']).toEqual(['other', 'other', count + 1]);
  for (const { cwd, path, file: name, leftovers } of [one, other] as Record<string, string>[]) {
    expect([cwd, path, name, leftovers]).toEqual([app.path, app.path, main, []]);
  }
  expect([one['stdin'], other['stdin']]).toEqual(['first', 'second']);
  expect((one['now'] as number) * 1000).toBeGreaterThan(begin);
  expect(one['uptime']).toBeLessThan(60_000);
});

/** What an interpreter can tell of itself, but for addresses, times and what a snapshot has imported already. */
const STATE = `
import sys
import _locale, gc, json, locale, os, signal, site, threading, warnings
def stream(each):
    return [repr(each), each.encoding, each.errors, each.line_buffering, each.write_through, each.isatty(),
            each.newlines, each.mode, type(each.buffer).__name__, each.fileno()]
names = ['argv', 'orig_argv', 'path', 'flags', 'executable', 'prefix', 'platform', 'warnoptions', '_xoptions',
         'dont_write_bytecode', 'pycache_prefix', 'version', 'implementation', 'platlibdir', 'tracebacklimit']
print(json.dumps({
    **{name: repr(getattr(sys, name, None)) for name in names},
    'hooks': [repr(hook)[:40] for hook in sys.meta_path + sys.path_hooks],
    'streams': [stream(sys.stdin), stream(sys.stdout), stream(sys.stderr), sys.stdin is sys.__stdin__],
    'environment': dict(os.environ), 'bytes': {k.decode(): v.decode() for k, v in os.environb.items()},
    'main': sorted(vars(sys.modules['__main__'])), 'file': __file__,
    'encodings': [sys.getdefaultencoding(), sys.getfilesystemencoding(), locale.getencoding()],
    'locale': locale.setlocale(locale.LC_ALL), 'site': [site.ENABLE_USER_SITE, site.USER_BASE],
    'signals': [getattr(signal.getsignal(n), '__qualname__', repr(signal.getsignal(n))) for n in range(1, 32)],
    'gc': [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug()],
    'threads': [repr(each) for each in threading.enumerate()], 'ident': threading.get_ident(),
    'limits': [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
    'warnings': repr(warnings.filters), 'pid': os.getpid(), 'umask': os.umask(0o22), 'cwd': os.getcwd(),
    'trace': [sys.gettrace(), sys.getprofile(), repr(sys.excepthook), repr(sys.displayhook)],
}))
`;

test('an interpreter from a snapshot is as one that was started at that moment', async () => {
  await using app = await writeAppDirectory({ 'main.py': STATE, 'site-packages/x.py': '' });
  const request = { directory: app.path, module: join(app.path, 'main.py'), args: ['a'], reason: 'a test' };
  const program = await pythonRuntime.prepare(request);
  const stateOf = async (options: unknown): Promise<unknown> => {
    await using run = startEngine({
      ...program,
      guest: program.modulePath,
      driver: { path: program.driver!, options },
      env: { ...program.env, NAME: 'value', PATH: '/bin' },
    });
    expect(await run.ended).toMatchObject({ status: 0 });
    return JSON.parse(run.stdout());
  };
  const { snapshot: _, ...options } = program.options as { snapshot: string };
  const fresh = await stateOf(options);
  for (let count = 0; count < 2; count += 1) expect(await stateOf(program.options)).toEqual(fresh);
});

test('a module is run as `python -m` runs it', async () => {
  await using app = await writeAppDirectory({
    'shop/__init__.py': '',
    'shop/web.py': program({ argv: 'sys.argv', name: '__spec__.name', path: 'sys.path[0]' }),
  });
  const values = [
    await start(app.path, { module: 'shop.web', args: ['x'] }),
    await start(app.path, { module: 'shop.web', args: ['x'] }),
  ];
  expect(values[1]).toEqual(values[0]);
  expect(values[0]).toMatchObject({
    argv: [join(app.path, 'shop/web.py'), 'x'],
    name: 'shop.web',
    path: app.path,
  });
});

test('what an app depends on makes another snapshot when it changes, however little of it shows', async () => {
  const files = {
    'main.py': program({ version: 'pkg.VERSION' }, 'import pkg'),
    'site-packages/pkg.py': 'VERSION = 1',
  };
  await using app = await writeAppDirectory(files);
  const first = await start(app.path);
  expect(await start(app.path)).toEqual(first);
  const path = join(app.path, 'site-packages/pkg.py');
  const { atime, mtime } = statSync(path);
  writeFileSync(path, 'VERSION = 2');
  utimesSync(path, atime, mtime);
  const second = await start(app.path);
  expect(second).toMatchObject({ version: 2 });
  expect(second['hash']).not.toBe(first['hash']);
  expect(await start(app.path)).toEqual(second);
  // A package that would now be found first.
  writeFileSync(join(app.path, 'site-packages/pkg.pyc'), '');
  expect((await start(app.path))['hash']).not.toBe(second['hash']);
});

test('an app has a snapshot of its own, and so has each of its programs', async () => {
  const files = { 'main.py': program({}), 'other.py': program({}) };
  await using one = await writeAppDirectory(files);
  await using other = await writeAppDirectory(files);
  const hashes = [
    (await start(one.path))['hash'],
    (await start(other.path))['hash'],
    (await start(one.path, { module: 'other.py' }))['hash'],
  ];
  expect(new Set(hashes).size).toBe(3);
  for (const file of [...snapshots(), ...snapshots().map((path) => `${path}.next`)]) {
    expect(statSync(file, { throwIfNoEntry: false })?.mode ?? 0o600).toSatisfy(
      (mode: number) => (mode & 0o077) === 0,
    );
  }
});

test.each([
  ['cut off', (file: string) => truncateSync(file, statSync(file).size - 70_000)],
  ['empty', (file: string) => truncateSync(file, 0)],
  ['changed in its memory', (file: string) => flipByte(file, statSync(file).size - 1_000_000)],
  ['changed in its description', (file: string) => flipByte(file, 100)],
  ['changed in its header', (file: string) => flipByte(file, 17)],
])('a snapshot that is %s is not used, and is made anew', async (_, damage) => {
  await using app = await writeAppDirectory({ 'main.py': program({}) });
  await start(app.path);
  const { hash: before } = await start(app.path);
  damage(snapshots()[0]!);
  const { hash: after } = await start(app.path);
  expect(after).not.toBe(before);
  expect((await start(app.path))['hash']).toBe(after);
});

const flipByte = (file: string, at: number): void => {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1;
  writeFileSync(file, bytes);
};

test('options of the interpreter are kept to', async () => {
  await using app = await writeAppDirectory({ 'main.py': program({ optimize: 'sys.flags.optimize' }) });
  const env = { PYTHONHASHSEED: '0', PYTHONOPTIMIZE: '1' };
  const one = await start(app.path, { env });
  expect(one['optimize']).toBe(1);
  expect((await start(app.path))['optimize']).toBe(0);
  expect((await start(app.path, { env }))['hash']).toBe(one['hash']);
});
