/** Threads of Python, and what a guest has not: other processes. */
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByPython, startPythonGuest } from '../../helpers/python-guest.ts';

test('queues, pools and locks', async () => {
  const printed = await printedByPython(`
import concurrent.futures, multiprocessing.pool, queue, threading

numbers, results = queue.Queue(3), queue.SimpleQueue()
def work():
    while (number := numbers.get()) is not None:
        results.put(number * number)
        numbers.task_done()
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers: worker.start()
for number in range(1000): numbers.put(number)
numbers.join()
for _ in workers: numbers.put(None)
for worker in workers: worker.join()
print(sum(results.get() for _ in range(1000)))

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda n: n + 1, range(100))))
with multiprocessing.pool.ThreadPool(4) as pool:
    print(pool.map(abs, range(-3, 0)))

lock, count = threading.Lock(), 0
def add():
    global count
    for _ in range(5000):
        with lock: count += 1
adders = [threading.Thread(target=add) for _ in range(5)]
for adder in adders: adder.start()
for adder in adders: adder.join()
print(count, lock.acquire(timeout=0.01), lock.acquire(timeout=0.01))
`);
  expect(printed.split('\n')).toEqual(['332833500', '5050', '[3, 2, 1]', '25000 True False', '']);
});

test('threads that only compute leave an echo server its turn', async () => {
  const printed = await printedByPython(`
import socket, threading, time

stop = threading.Event()
turns = [0, 0]
def compute(which):
    while not stop.is_set(): turns[which] += 1
for which in range(2): threading.Thread(target=compute, args=[which]).start()
server = socket.create_server(('127.0.0.1', 0))
def echo():
    connection = server.accept()[0]
    while data := connection.recv(100): connection.sendall(data)
threading.Thread(target=echo).start()
client = socket.create_connection(server.getsockname())
for _ in range(20):
    before = list(turns)
    client.sendall(b'hello')
    assert client.recv(100) == b'hello'
    time.sleep(0.01)
client.close()
stop.set()
print(all(turns))
`);
  expect(printed).toBe('True\n');
});

test('a lock of a buffered file is waited for', async () => {
  const printed = await printedByPython(`
import os, threading, time

read, write = os.pipe()
reader = os.fdopen(read, 'rb')
got = []
def take():
    got.append(reader.readline())
threads = [threading.Thread(target=take) for _ in range(2)]
for thread in threads: thread.start()
time.sleep(0.05)
os.write(write, b'one\\n')
os.write(write, b'two\\n')
for thread in threads: thread.join()
print(sorted(got))
`);
  expect(printed).toBe("[b'one\\n', b'two\\n']\n");
});

/** Expressions that go deep, in Python and in C. */
const DEEP = [
  'down()',
  'repr(Endless())',
  'repr(nested)',
  'json.dumps(nested)',
  "json.loads('[' * 1000000)",
  'pickle.dumps(nested)',
  'nested == other',
  "compile('-' * 20000 + '1', 'x', 'eval')",
  'under()',
];

test.each(['main', 'another'])(
  'what goes too deep is an error in the %s thread, not the end',
  async (which) => {
    const printed = await printedByPython(`
import functools, json, pickle, threading

def down(): return down()
def under(): return sorted([1], key=lambda _: under())
class Endless:
    def __repr__(self): return repr(self)
def nest(): return functools.reduce(lambda inner, _: [inner], range(1_000_000), [])
nested, other = nest(), nest()
def attempts():
    for line in ${JSON.stringify(DEEP)}:
        try: print(line, eval(line))
        except Exception as error: print(type(error).__name__)
if ${which === 'main' ? 'True' : 'False'}: attempts()
else:
    thread = threading.Thread(target=attempts)
    thread.start()
    thread.join()
# Takes a million lists apart.
del nested, other
print('end')
`);
    expect(printed.trim().split('\n')).toEqual([
      ...DEEP.map((line) => (line.startsWith('compile') ? 'MemoryError' : 'RecursionError')),
      'end',
    ]);
  },
);

test('threads end as in Python', async () => {
  const printed = await printedByPython(`
import atexit, faulthandler, sys, threading, time

threading.excepthook = lambda args: print('excepthook', args.exc_type.__name__)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
faulthandler.dump_traceback_later(60)
for _ in range(100_000): pass
faulthandler.cancel_dump_traceback_later()
def forever():
    while True: time.sleep(0.01)
def busy():
    while True: pass
for target in (forever, busy): threading.Thread(target=target, daemon=True).start()
threading.Thread(target=lambda: (time.sleep(0.1), print('waited for'))).start()
atexit.register(lambda: (time.sleep(0.1), print('atexit')))
print('main')
`);
  expect(printed).toBe('excepthook ZeroDivisionError\nmain\nwaited for\natexit\n');
});

test('_exit(2) of a thread is the end of all', async () => {
  await using app = await writeAppDirectory({
    'main.py': `
import os, threading, time
threading.Thread(target=lambda: os._exit(7)).start()
time.sleep(60)
`,
  });
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py' });
  expect((await run.ended).status).toBe(7);
});
