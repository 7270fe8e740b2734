import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { StoredSandbox } from '../../../src/sandbox/stored-sandbox.ts';
import { StoreFixture, newSandbox } from './store-fixture.ts';

const PROGRAM = fileURLToPath(new URL('store-program.ts', import.meta.url));
const KILLS = 36;
/** After at most so many lines of its output, and some ms more, a process is killed. */
const KILL_WITHIN_LINES = 40;
const KILL_WITHIN_MS = 5;

/** Port by name; 0: there is no such sandbox. */
type Ports = ReadonlyMap<string, number>;

interface Change {
  readonly name: string;
  readonly port: number;
}

interface Run {
  readonly acknowledged: readonly Change[];
  /** May have been made or not. */
  readonly pending: Change | undefined;
  readonly stderr: string;
}

const ACKNOWLEDGED = 'acknowledged';

/** Runs the program to its end, or kills it at a random moment. */
const run = async (fixture: StoreFixture, stem: string, count: number): Promise<Run> => {
  const child = spawn(process.execPath, [PROGRAM, fixture.root, 'test', stem, String(count)]);
  const output = { stdout: '', stderr: '' };
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const closed = once(child, 'close');
  const lastLine = 2 + Math.random() * (KILL_WITHIN_LINES - 2);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    if (count === 0 && output.stdout.split('\n').length > lastLine)
      setTimeout(() => child.kill('SIGKILL'), Math.random() * KILL_WITHIN_MS);
  });
  const [status, signal] = await closed;
  expect({ status, signal, stderr: output.stderr }).toEqual({
    status: count === 0 ? null : 0,
    signal: count === 0 ? 'SIGKILL' : null,
    stderr: '',
  });
  const lines = output.stdout.split('\n').slice(0, -1);
  const changes = lines.filter((line) => line !== ACKNOWLEDGED).map((line) => JSON.parse(line) as Change);
  const pending = lines.at(-1) === ACKNOWLEDGED ? undefined : changes.pop();
  return { acknowledged: changes, pending, stderr: output.stderr };
};

const apply = (ports: Ports, changes: readonly Change[]): Ports =>
  new Map([...ports, ...changes.map(({ name, port }) => [name, port] as const)]);

/** What should be there, as what is there is told. */
const listOf = (ports: Ports): Change[] =>
  [...ports]
    .filter(([, port]) => port !== 0)
    .map(([name, port]) => ({ name, port }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

const portsOf = (sandboxes: readonly StoredSandbox[], stem: string): Change[] =>
  sandboxes
    .filter(({ name }) => name.startsWith(stem))
    .map(({ name, forwards }) => ({ name, port: forwards[0]!.hostPort }));

test(
  'a kill at any moment loses nothing that was acknowledged, and makes up nothing',
  { timeout: 120_000 },
  async () => {
    using fixture = new StoreFixture();
    const stems = ['a', 'b'];
    const known = new Map<string, Ports>(stems.map((stem) => [stem, new Map()]));
    let acknowledged = 0;
    for (let kills = 0; kills < KILLS; kills += stems.length) {
      const runs = await Promise.all(stems.map((stem) => run(fixture, stem, 0)));
      await using store = fixture.open();
      const sandboxes = await store.list();
      for (const [index, { acknowledged: changes, pending }] of runs.entries()) {
        const stem = stems[index]!;
        const without = apply(known.get(stem)!, changes);
        const withPending = pending === undefined ? without : apply(without, [pending]);
        const found = portsOf(sandboxes, stem);
        const isMade = JSON.stringify(found) === JSON.stringify(listOf(withPending));
        if (!isMade) expect(found).toEqual(listOf(without));
        known.set(stem, isMade ? withPending : without);
        acknowledged += changes.length;
      }
    }
    expect(acknowledged).toBeGreaterThanOrEqual(KILLS);
    expect(fixture.warnings).toEqual([]);
    await using store = fixture.open();
    for (const { name } of await store.list()) await store.remove(name);
    expect(fixture.remains()).toEqual([]);
  },
);

test('many processes at once change, and take the file away under one another', async () => {
  using fixture = new StoreFixture();
  // Each has few sandboxes, so it is empty again and again.
  const stems = ['a', 'b', 'c', 'd'];
  const runs = await Promise.all(stems.map((stem) => run(fixture, stem, 150)));
  await using store = fixture.open();
  const sandboxes = await store.list();
  for (const [index, { acknowledged }] of runs.entries())
    expect(portsOf(sandboxes, stems[index]!)).toEqual(listOf(apply(new Map(), acknowledged)));
  expect(fixture.warnings).toEqual([]);
});

test('of many who add the same name one succeeds', async () => {
  using fixture = new StoreFixture();
  const stores = Array.from({ length: 8 }, () => fixture.open());
  const results = await Promise.allSettled(
    stores.map((store, index) => store.add(newSandbox('web', index + 1))),
  );
  const added = results.filter(({ status }) => status === 'fulfilled');
  expect(added).toHaveLength(1);
  expect(await stores[0]!.list()).toEqual(added.map((result) => 'value' in result && result.value));
  for (const store of stores) await store[Symbol.asyncDispose]();
  expect(fixture.files()).toEqual(['sandboxes.db']);
});
