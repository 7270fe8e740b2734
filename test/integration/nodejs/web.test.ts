/** What programs of the web find in Node.js is in the guest as it is in Node itself: the same scripts run in both. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { printedByGuest } from '../../helpers/node-guest.ts';

const directory = fileURLToPath(new URL('scripts', import.meta.url));

/** Somewhere with a summer of its own. */
const TZ = 'America/New_York';

const printedByNode = async (script: string): Promise<string> => {
  const options = { cwd: directory, env: { ...process.env, TZ } };
  return (await promisify(execFile)(process.execPath, [join(directory, script)], options)).stdout;
};

test.for([
  'fetch.cjs',
  'cloning.cjs',
  'cloning-random.cjs',
  'intl.cjs',
  'datagrams.cjs',
  'web-objects.cjs',
  'web-socket.cjs',
  'urls.cjs',
  'buffers.cjs',
  'sockets.cjs',
  'uncaught.cjs',
  'socket-timers.cjs',
])('%s prints the same in the guest', async (script) => {
  const [native, guest] = await Promise.all([
    printedByNode(script),
    printedByGuest({ directory, script, readOnly: true, env: { TZ } }),
  ]);
  expect(guest.split('\n')).toEqual(native.split('\n'));
  expect(native.split('\n').length).toBeGreaterThan(5);
});

test('what a sandbox has not is refused by name, with a code', async () => {
  const printed = await printedByGuest({ directory, script: 'refused.cjs', readOnly: true });
  const unavailable =
    /^\w+ ERR_FEATURE_UNAVAILABLE_ON_PLATFORM .* not available in a sandbox of wasmrun|has no Worker/;
  const lines = printed.trimEnd().split('\n');
  expect(lines.at(-1)).toBe('WebAssembly undefined');
  expect(lines.filter((line) => !unavailable.test(line)).slice(0, -1)).toEqual([
    'inspector ERR_INSPECTOR_NOT_AVAILABLE Inspector is not available',
  ]);
  for (const name of ['child_process', 'worker_threads', 'node:sqlite', 'native addon', 'process.report']) {
    expect(printed).toContain(name);
  }
});
