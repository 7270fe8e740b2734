import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { persistentDirectory, stateDirectory } from '../../../src/sandbox/state-directory.ts';

const own = mkdtempSync(join(tmpdir(), 'wasmrun-runtime-'));
afterAll(() => rmSync(own, { recursive: true }));
const uid = process.geteuid!();
/** Sure to be nobody's who made a directory here. */
const stranger = uid + 1_234_567;

test.each([
  ['root has one for the machine', 0, { XDG_RUNTIME_DIR: own }, '/run/wasmrun'],
  [
    'a runtime directory of somebody else is not used',
    stranger,
    { XDG_RUNTIME_DIR: own },
    `/tmp/wasmrun-${stranger}`,
  ],
  ['nor one that is not there', stranger, { XDG_RUNTIME_DIR: join(own, 'none') }, `/tmp/wasmrun-${stranger}`],
  ['nor a relative one', stranger, { XDG_RUNTIME_DIR: '.' }, `/tmp/wasmrun-${stranger}`],
  ['without one it lies in /tmp', stranger, {}, `/tmp/wasmrun-${stranger}`],
])('%s', (_what, owner, environment, expected) => {
  expect(stateDirectory({ uid: owner, environment })).toBe(expected);
});

test.each([
  ['root has one for the machine', 0, { XDG_STATE_HOME: own, HOME: own }, '/var/lib/wasmrun'],
  ['users have one of their own', stranger, { XDG_STATE_HOME: own }, join(own, 'wasmrun')],
  [
    'without one it lies in their home',
    stranger,
    { HOME: own, XDG_STATE_HOME: '' },
    join(own, '.local/state/wasmrun'),
  ],
  [
    'a relative one counts for nothing',
    stranger,
    { HOME: own, XDG_STATE_HOME: '.' },
    join(own, '.local/state/wasmrun'),
  ],
  ['nor does a relative home', stranger, { HOME: '.' }, join(homedir(), '.local/state/wasmrun')],
])('what is kept: %s', (_what, owner, environment, expected) => {
  expect(persistentDirectory({ uid: owner, environment })).toBe(expected);
});
