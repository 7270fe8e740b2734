/** What `--memory` limits: beyond it an app has a MemoryError. */
import { expect, test } from 'vitest';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { printedByPython, startPythonGuest } from '../../helpers/python-guest.ts';
import { program, snapshots, start, useOwnCache } from '../../helpers/python-snapshot.ts';

useOwnCache();

const MEBIBYTE = 1024 * 1024;
const MEMORY = 64 * MEBIBYTE;

/** Fills the memory, and says what happens then. */
const fill = (line: string, rest: string): string => `
import threading
kept = []
try:
    while True: ${line}
except MemoryError as error:
    print(type(error).__name__, len(kept) > 0)
${rest}
`;

test.each([
  ['one large object', 'kept.append(1); bytearray(200 << 20)'],
  ['large ones', 'kept.append(bytearray(1 << 20))'],
  ['small ones', 'kept.append([len(kept)])'],
  ['a text', "kept.append('x' * 100_000 + str(len(kept)))"],
])('used up by %s can be caught, and the app goes on', async (_, line) => {
  const printed = await printedByPython(fill(line, 'del kept\nprint(len(bytearray(16 << 20)))'), {
    memory: MEMORY,
  });
  expect(printed).toBe('MemoryError True\n16777216\n');
});

test('used up leaves no room for a thread, which is no crash', async () => {
  const rest = `
kept.append(bytearray(100_000))
def start():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
try: start()
except RuntimeError as error: print(error)
del kept
start()
print('started')
`;
  const printed = await printedByPython(fill('kept.append(bytearray(1 << 19))', rest), { memory: MEMORY });
  expect(printed).toBe("MemoryError True\ncan't start new thread\nstarted\n");
});

test('used up and not caught ends the app as any error does', async () => {
  await using app = await writeAppDirectory({ 'main.py': 'kept = bytearray(100 << 20)' });
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py', memory: MEMORY });
  expect((await run.ended).status).toBe(1);
  expect(run.stderr()).toMatch(/^MemoryError$/m);
});

test('that is not limited is that of WebAssembly', async () => {
  expect(await printedByPython('print(len(bytearray(700 << 20)))')).toBe('734003200\n');
});

test('snapshots are those of a limit, and what goes on from one keeps it', async () => {
  await using app = await writeAppDirectory({
    'main.py': program(
      { package: 'len(pkg.DATA)', refused: 'refused' },
      'import pkg\nrefused = False\ntry: bytearray(40 << 20)\nexcept MemoryError: refused = True',
    ),
    'site-packages/pkg.py': 'DATA = bytearray(12 << 20)',
  });
  const limited = await start(app.path, { memory: MEMORY });
  expect(limited).toMatchObject({ package: 12 << 20, refused: true });
  expect(await start(app.path, { memory: MEMORY })).toEqual(limited);
  const free = await start(app.path);
  expect(free).toMatchObject({ refused: false });
  expect(free['hash']).not.toBe(limited['hash']);
  expect(await start(app.path)).toEqual(free);
  expect(snapshots()).toHaveLength(1);
});

test('too small for what the app imports is an error of the app', async () => {
  await using app = await writeAppDirectory({
    'main.py': 'try: import pkg\nexcept MemoryError: print("MemoryError")',
    'site-packages/pkg.py': 'DATA = bytearray(60 << 20)',
  });
  for (let count = 0; count < 2; count += 1) {
    await using run = await startPythonGuest({ directory: app.path, module: 'main.py', memory: MEMORY });
    expect((await run.ended).status).toBe(0);
    expect(run.stdout()).toBe('MemoryError\n');
  }
  // As an app that was not limited it has what fits.
  await using run = await startPythonGuest({ directory: app.path, module: 'main.py' });
  expect((await run.ended).status).toBe(0);
  expect(run.stdout()).toBe('');
});

test('the least that can be given is enough to start', async () => {
  expect(await printedByPython('import json\nprint(json.dumps([1]))', { memory: 32 * MEBIBYTE })).toBe(
    '[1]\n',
  );
});
