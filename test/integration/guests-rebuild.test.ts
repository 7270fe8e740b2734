/**
 * The committed modules are what their sources say: rebuilt ones behave the same, and with the same
 * compiler they are the same bytes.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BRIDGE, buildBridge } from '../../scripts/build-bridge.ts';
import { COMPILER_FILE, GUESTS, buildGuest, compilerVersion, findGuest } from '../../scripts/build-guests.ts';
import { startEngine } from '../helpers/engine.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** What the issue of committed binaries is about: nobody wants a megabyte of them. */
const MAX_TOTAL_SIZE = 1_000_000;

const committedPath = (name: string): string => join(REPOSITORY, findGuest(name).folder, `${name}.wasm`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wasmrun-guests-'));
});
afterAll(() => rm(folder, { recursive: true }));

const behaviour = async (module: string, args: readonly string[], stdin: string) => {
  await using run = startEngine({ guest: module, args: ['guest', ...args], env: { COLOUR: 'blue' }, stdin });
  const { status } = await run.ended;
  return { status, stdout: run.stdout() };
};

test.for([
  {
    name: 'environment',
    args: ['one', 'two words'],
    stdin: '',
    status: 0,
    stdout: 'arg 2 two words\nenv COLOUR=blue\n',
  },
  { name: 'cat', args: [], stdin: 'some input\n', status: 0, stdout: 'some input\n' },
  { name: 'crasher', args: ['exit', '7'], stdin: '', status: 7, stdout: 'crasher: started\n' },
  { name: 'sockets-wasmedge', args: [], stdin: '', status: 0, stdout: 'end ok\n' },
])('$name behaves the same when it is built again', async ({ name, args, stdin, status, stdout }) => {
  const committed = await behaviour(committedPath(name), args, stdin);
  expect(committed).toMatchObject({ status, stdout: expect.stringContaining(stdout) });
  const rebuilt = await behaviour(buildGuest(findGuest(name), folder), args, stdin);
  expect(rebuilt).toEqual(committed);
});

test('the bridge of the Node.js runtime is what its source gives', ({ skip }) => {
  const recorded = readFileSync(COMPILER_FILE, 'utf8').trim();
  const present = compilerVersion();
  if (present !== recorded) skip(`it was made with ${recorded}, this is ${present}`);
  const rebuilt = join(folder, 'bridge.wasm');
  buildBridge(rebuilt);
  expect(readFileSync(rebuilt).equals(readFileSync(BRIDGE))).toBe(true);
});

test('every committed module is what its source gives', ({ skip }) => {
  const recorded = readFileSync(COMPILER_FILE, 'utf8').trim();
  const present = compilerVersion();
  // Another compiler makes other bytes; that they behave alike is the business of the tests above.
  if (present !== recorded) skip(`the modules were made with ${recorded}, this is ${present}`);
  const differing = GUESTS.filter((guest) => {
    const rebuilt = readFileSync(buildGuest(guest, folder));
    return !rebuilt.equals(readFileSync(committedPath(guest.name)));
  }).map((guest) => guest.name);
  expect(differing).toEqual([]);
});

test('the committed modules are small', () => {
  const sizes = GUESTS.map((guest) => readFileSync(committedPath(guest.name)).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_TOTAL_SIZE);
  expect(Math.max(...sizes)).toBeLessThan(60_000);
});
