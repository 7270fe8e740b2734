/** How Python apps end: the whole command. */
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { newPrefix, remains, runCli, startCli } from '../../helpers/cli.ts';

/** Ways to wait, or not to. */
const WAITS = {
  sleep: 'time.sleep(60)',
  lock: 'threading.Event().wait()',
  stdin: 'sys.stdin.read()',
  select: 'select.select(list(socket.socketpair()), [], [])',
  accept: "socket.create_server(('127.0.0.1', 0)).accept()",
  loop: 'while True: pass',
  thread: 'threading.Thread(target=busy).start(); time.sleep(60)',
};

const program = (before: string, wait: string): string => `
import atexit, os, select, signal, socket, sys, threading, time
stop = threading.Event()
def busy():
    while not stop.is_set(): pass
atexit.register(lambda: print('atexit'))
${before}
try:
    print('ready')
    ${wait}
    print('went on')
finally:
    stop.set()
    print('finally')
`;

const endOf = async (source: string, signal: 'SIGINT' | 'SIGTERM') => {
  const prefix = newPrefix();
  await using app = await writeAppDirectory({ 'main.py': source });
  await using run = startCli(['os', app.path], { prefix, keepStdin: true });
  await run.printed(/ready\n/);
  run.process.kill(signal);
  const { status, stdout, stderr } = await run.ended;
  expect(remains(prefix)).toEqual([]);
  return { status, stdout: stdout.replace(/^ready\n/, ''), stderr };
};

test.each(Object.entries(WAITS))('Ctrl-C during %s is a KeyboardInterrupt', async (_, wait) => {
  const { status, stdout, stderr } = await endOf(program('', wait), 'SIGINT');
  expect(stdout).toBe('finally\natexit\n');
  expect(stderr).toMatch(/Traceback[^]*main\.py", line \d+[^]*\nKeyboardInterrupt\n/);
  expect(status).toBe(130);
});

test.each(['sleep', 'loop'] as const)('SIGTERM during %s runs finally and atexit', async (wait) => {
  const { status, stdout, stderr } = await endOf(program('', WAITS[wait]), 'SIGTERM');
  expect({ status, stdout }).toEqual({ status: 143, stdout: 'finally\natexit\n' });
  expect(stderr).not.toContain('Traceback');
});

test('SIGTERM can be left to its default, which runs nothing', async () => {
  const { status, stdout } = await endOf(
    program('signal.signal(signal.SIGTERM, signal.SIG_DFL)', WAITS.sleep),
    'SIGTERM',
  );
  expect({ status, stdout }).toEqual({ status: 143, stdout: '' });
});

test('a handler of SIGTERM is called, and what was waited for is waited for further', async () => {
  const handler = "signal.signal(signal.SIGTERM, lambda *_: print('handled'))";
  const { stdout, status } = await endOf(program(handler, 'time.sleep(1)'), 'SIGTERM');
  expect(stdout).toBe('handled\nwent on\nfinally\natexit\n');
  expect(status).toBe(143);
});

test('a handler of SIGTERM can end the app', async () => {
  const handler = 'signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))';
  expect(await endOf(program(handler, 'time.sleep(60)'), 'SIGTERM')).toMatchObject({
    stdout: 'finally\natexit\n',
    status: 143,
  });
});

test('an app that ignores SIGTERM is ended after the grace', async () => {
  const handler = 'signal.signal(signal.SIGTERM, signal.SIG_IGN)';
  expect(await endOf(program(handler, 'time.sleep(60)'), 'SIGTERM')).toMatchObject({
    stdout: '',
    status: 143,
  });
});

test.each([
  ['sys.exit(7)', 7, ''],
  ["sys.exit('no more')", 1, 'no more\n'],
  ['os._exit(9)', 9, ''],
  ['1 / 0', 1, 'ZeroDivisionError: division by zero\n'],
  ['import nowhere', 1, "ModuleNotFoundError: No module named 'nowhere'\n"],
  ['def f(:', 1, 'SyntaxError: invalid syntax\n'],
])('%s ends with %i', async (line, status, message) => {
  const prefix = newPrefix();
  await using app = await writeAppDirectory({ 'main.py': `import os, sys\n${line}\n` });
  const end = await runCli(['os', app.path], { prefix });
  expect(end.status).toBe(status);
  expect(end.stderr.endsWith(message)).toBe(true);
  if (message.includes('Error')) expect(end.stderr).toContain(`File "${app.path}/main.py", line 2`);
});
