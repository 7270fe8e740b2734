/** What an app asks of a machine with more than one process, and of code that is not WebAssembly. */
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByPython, startPythonGuest } from '../../helpers/python-guest.ts';

const programOf = (before: string, lines: readonly string[]): string => `
${before}
for line in ${JSON.stringify(lines)}:
    try: print(eval(line))
    except Exception as error: print(type(error).__name__, error)
`;

const answers = async (before: string, ...lines: readonly string[]): Promise<string[]> =>
  (await printedByPython(programOf(before, lines))).trimEnd().split('\n');

const ONE_PROCESS = 'a sandbox of wasmrun runs one program in one process';
const NO_PROGRAM = `no other program can be started: ${ONE_PROCESS}; run it outside, and connect to it`;
const NO_PROCESS = `no other process can be started: ${ONE_PROCESS}; threads work (threading, ThreadPoolExecutor, multiprocessing.pool.ThreadPool)`;

test('whoever starts another program is told why there is none', async () => {
  const attempts = [
    "subprocess.run(['ls'])",
    "subprocess.check_output('ls', shell=True)",
    "asyncio.run(asyncio.create_subprocess_exec('ls'))",
    "os.popen('ls')",
    "os.execv('/bin/ls', ['ls'])",
    "os.execvpe('ls', ['ls'], {})",
  ];
  expect(await answers('import asyncio, os, subprocess', ...attempts)).toEqual(
    attempts.map(() => `OSError [Errno 138] ${NO_PROGRAM}`),
  );
});

test('whoever starts another process is told why there is none, and what to do', async () => {
  const attempts = [
    'os.fork()',
    "os.spawnv(os.P_WAIT, '/bin/ls', ['ls'])",
    'multiprocessing.Process(target=print).start()',
    "multiprocessing.get_context('spawn').Process(target=print).start()",
    'multiprocessing.Pool(2)',
    'concurrent.futures.ProcessPoolExecutor(1).submit(print)',
  ];
  expect(await answers('import concurrent.futures, multiprocessing, os', ...attempts)).toEqual(
    attempts.map(() => `OSError [Errno 138] ${NO_PROCESS}`),
  );
});

test('what os does not have says so, and why; hasattr knows', async () => {
  const missing = (name: string, reason: string): string =>
    `AttributeError module 'os' has no attribute '${name}'${reason}`;
  expect(
    await answers(
      'import os',
      'os.forkpty()',
      "os.posix_spawn('/bin/ls', ['ls'], {})",
      "os.posix_spawnp('ls', ['ls'], {})",
      "os.mkfifo('/tmp/fifo')",
      'os.nothing',
      "[hasattr(os, name) for name in ('fork', 'forkpty', 'posix_spawn', 'mkfifo')]",
    ),
  ).toEqual([
    missing('forkpty', `: ${NO_PROCESS}`),
    missing('posix_spawn', `: ${NO_PROGRAM}`),
    missing('posix_spawnp', `: ${NO_PROGRAM}`),
    missing('mkfifo', ': no other process could open it; os.pipe() works'),
    missing('nothing', ''),
    '[True, False, False, False]',
  ]);
});

test('os.system answers as where there is no shell, and says why: an app that only clears the screen goes on', async () => {
  await using app = await writeAppDirectory({ 'main.py': "import os\nprint(os.system('clear') >> 8)" });
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py' });
  expect((await run.ended).status).toBe(0);
  expect(run.stdout()).toBe('127\n');
  expect(run.stderr()).toBe(`os.system: ${NO_PROGRAM}\n`);
});

test('there is one user, who is nobody', async () => {
  expect(
    await answers(
      'import os',
      'os.getuid(), os.geteuid(), os.getresuid()',
      'os.getgid(), os.getegid(), os.getresgid()',
      'os.setuid(0)',
    ),
  ).toEqual([
    '(65534, 65534, (65534, 65534, 65534))',
    '(65534, 65534, (65534, 65534, 65534))',
    'PermissionError [Errno 63] Operation not permitted',
  ]);
});

test('pools of threads and values that are shared among them work', async () => {
  expect(
    await answers(
      'from multiprocessing import Value\nfrom multiprocessing.pool import ThreadPool',
      'ThreadPool(3).map(lambda n: n * n, range(5))',
      "Value('B', 3).value",
    ),
  ).toEqual(['[0, 1, 4, 9, 16]', '3']);
});

test('ctypes has types, and what calls the interpreter itself; no other code, and no way back', async () => {
  expect(
    await answers(
      'import ctypes\nfrom ctypes import *',
      '(c_int * 3)(1, 2, 3)[1]',
      'sizeof(c_void_p)',
      "string_at(b'abc')",
      "cast(c_char_p(b'abc'), POINTER(c_char))[1]",
      'memmove(create_string_buffer(3), b"abc", 3) > 0',
      "CDLL('libc.so.6')",
      'CFUNCTYPE(c_int)(lambda: 1)',
      'pythonapi.PyLong_FromLong(1)',
    ),
  ).toEqual([
    '2',
    '4',
    "b'abc'",
    "b'b'",
    'True',
    expect.stringContaining('OSError'),
    expect.stringContaining('RuntimeError'),
    expect.stringContaining('AttributeError'),
  ]);
});

test('files are memory where nobody else has them: SQLite has its write-ahead log in /tmp', async () => {
  expect(
    await answers(
      "import mmap, sqlite3\nopen('/tmp/file', 'wb').write(b'abcdef')\nfile = open('/tmp/file', 'r+b')\nmap = mmap.mmap(file.fileno(), 0)\nmap[1:3] = b'XY'\nmap.flush()\nopen('/tmp/copy', 'wb').write(b'abc')\ncopied = open('/tmp/copy', 'r+b')\ncopy = mmap.mmap(copied.fileno(), 0, access=mmap.ACCESS_COPY)\ncopy[0:1] = b'X'\nsource = open('main.py', 'rb')",
      "open('/tmp/file').read()",
      "open('/tmp/copy').read(), copy[:]",
      'mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)[1:7]',
      "sqlite3.connect('/tmp/a.db').execute('pragma journal_mode=wal').fetchone()",
    ),
  ).toEqual(['aXYdef', "('abc', b'Xbc')", "b'import'", "('wal',)"]);
});
