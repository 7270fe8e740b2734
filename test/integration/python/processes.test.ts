/** What an app asks of a machine with more than one process, and of code that is not WebAssembly. */
import { expect, test } from 'vitest';
import { printedByPython } from '../../helpers/python-guest.ts';

const attempts = (before: string, lines: readonly string[]): string => `
${before}
for line in ${JSON.stringify(lines)}:
    try: print(eval(line))
    except Exception as error: print(type(error).__name__, error)
`;

const answers = async (before: string, ...lines: readonly string[]): Promise<string[]> =>
  (await printedByPython(attempts(before, lines))).trimEnd().split('\n');

test('other processes cannot be started, and whoever tries is told why', async () => {
  const reason = 'a sandbox of wasmrun runs one program in one process';
  expect(
    await answers(
      'import multiprocessing, os, subprocess, sys',
      "subprocess.run(['ls'])",
      "subprocess.check_output('ls', shell=True)",
      'multiprocessing.Process(target=print).start()',
      "os.popen('ls')",
      "os.system('ls')",
    ),
  ).toEqual([
    `OSError [Errno 138] no other program can be started: ${reason}`,
    `OSError [Errno 138] no other program can be started: ${reason}`,
    `OSError no other process can be started: ${reason}`,
    `OSError [Errno 138] no other program can be started: ${reason}`,
    '-1',
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
