/** An unmodified Flask app in a sandbox: its threads, and its versions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PYTHON_PACKAGES } from '../../../scripts/python-packages.ts';
import { writeAppDirectory } from '../../helpers/app-directory.ts';
import { newPrefix, remains, startCli } from '../../helpers/cli.ts';
import { startPythonApp } from '../../helpers/python-app.ts';

const app = (version: number): string => `
import atexit, os, threading, time
from flask import Flask

app = Flask(__name__)
waiting = threading.Event()

@app.get('/')
def version():
    return {'version': ${version}, 'threads': threading.active_count()}

@app.get('/wait')
def wait():
    return {'version': ${version}, 'released': waiting.wait(30)}

@app.get('/release')
def release():
    waiting.set()
    return {}

@app.get('/compute/<float:seconds>')
def compute(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end: pass
    return {'version': ${version}}

@app.get('/slow/<float:seconds>')
def slow(seconds):
    time.sleep(seconds)
    return {'version': ${version}}

atexit.register(lambda: print('bye from ${version}', flush=True))
if __name__ == '__main__':
    app.run(port=5000)
`;

/** The tests' packages, where the user names them. */
const CONFIG = `[app]\nsite_packages = ${JSON.stringify(PYTHON_PACKAGES)}\n`;
const filesOf = (version: number) => ({ 'app.py': app(version), '.wasmrun.toml': CONFIG });

const ask = async (url: string): Promise<Record<string, unknown>> => {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
};

test('requests that wait do not keep others waiting, and one releases the other', async () => {
  await using directory = await writeAppDirectory(filesOf(1));
  await using guest = await startPythonApp(directory.path, 5000);
  const waiting = Array.from({ length: 5 }, () => ask(`${guest.url}/wait`));
  // Each of them has a thread by now.
  await expect.poll(async () => (await ask(guest.url))['threads']).toBeGreaterThan(5);
  await ask(`${guest.url}/release`);
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ version: 1, released: true })));
});

test('a request that computes does not starve others', async () => {
  await using directory = await writeAppDirectory(filesOf(1));
  await using guest = await startPythonApp(directory.path, 5000);
  const computing = ask(`${guest.url}/compute/4.0`).then(() => 'computed');
  const answers = async (): Promise<string> => {
    for (let count = 0; count < 3; count += 1) await ask(guest.url);
    return 'answered';
  };
  expect(await Promise.race([computing, answers()])).toBe('answered');
  await computing;
});

test('debug=True serves, with its debugger, and leaves reloading to --watch', async () => {
  const source = app(1).replace('app.run(port=5000)', 'app.run(port=5000, debug=True)');
  await using directory = await writeAppDirectory({
    'app.py': source.replace(
      'if __name__',
      "@app.get('/broken')\ndef broken():\n    return 1 / 0\n\nif __name__",
    ),
    '.wasmrun.toml': CONFIG,
  });
  await using guest = await startPythonApp(directory.path, 5000);
  expect(await ask(guest.url)).toMatchObject({ version: 1 });
  const broken = await fetch(`${guest.url}/broken`);
  expect(broken.status).toBe(500);
  expect(await broken.text()).toContain('<title>ZeroDivisionError: division by zero');
  expect(guest.run.stderr()).toContain('wasmrun --watch does the same');
});

test('a change reloads it: nobody is refused, and a slow request is answered by the version that took it', async () => {
  const prefix = newPrefix();
  await using directory = await writeAppDirectory(filesOf(1));
  await using run = startCli(['os', directory.path, '--watch', '--forward', '127.0.0.1::5000'], { prefix });
  const url = (await run.url()).replace(/\/$/, '');
  expect(await ask(url)).toMatchObject({ version: 1 });
  const slow = ask(`${url}/slow/3.0`);
  await sleep(100);
  await writeFile(join(directory.path, 'app.py'), app(2));
  const seen = new Set<unknown>();
  while (!seen.has(2)) seen.add((await ask(url))['version']);
  expect([...seen]).toEqual([1, 2]);
  expect(await slow).toEqual({ version: 1 });
  await run.printed(/reloaded {2}app\.py/);
  run.process.kill('SIGINT');
  const { stdout } = await run.ended;
  expect(stdout).toContain('bye from 2');
  expect(remains(prefix)).toEqual([]);
});
