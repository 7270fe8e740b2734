/** What `--watch --json` tells of reloads: one JSON document a line, for programs to follow. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, newPrefix, runCli } from '../../helpers/cli.ts';
import type { CliRun } from '../../helpers/cli.ts';
import { createApp, get, stop, watch } from '../../helpers/live-app.ts';
import { freePort } from '../../helpers/free-port.ts';

let prefix = '';
beforeEach(() => {
  prefix = newPrefix();
});
// Only what a failed test has left behind.
afterEach(() => runCli(['gc'], { prefix }));

type Event = Readonly<Record<string, unknown>>;

/** All complete lines so far; each has to be a document with a type. */
const eventsOf = (run: CliRun): Event[] => {
  const lines = run.stdout().split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as Event);
  for (const event of events) expect(event).toEqual(expect.objectContaining({ type: expect.any(String) }));
  return events;
};

/** The next event of a type, after `seen` of them. */
const nextEvent = async (run: CliRun, type: string, seen = 0): Promise<Event> => {
  const events = (): Event[] => eventsOf(run).filter((event) => event['type'] === type);
  expect(await eventually(() => events().length > seen, 15_000), run.stdout()).toBe(true);
  return events()[seen]!;
};

const aNumber = expect.any(Number);

test('every reload, every failed one and every change of a forward is a line', async () => {
  const [one, other] = [await freePort(), await freePort()];
  const network = (...forwards: readonly string[]): string =>
    `[network]\nforwards = ${JSON.stringify(forwards)}\n`;
  await using app = await createApp('hello-wasmedge', network(`${one}:3000`));
  await using run = watch(app, ['--json', '--name', 'web'], { prefix });
  const addresses = ['127.0.0.1', '::1'];
  const forward = { type: 'forward', addresses, processPort: 3000, protocol: 'tcp', transport: 'nftables' };
  const url = `http://localhost:${one}`;
  expect(await nextEvent(run, 'forward')).toEqual({ ...forward, hostPort: one, url });

  await app.save('hello-wasix');
  const reloaded = { type: 'reloaded', generation: 2, files: ['server.wasm'], ms: aNumber };
  const event = await nextEvent(run, 'reloaded');
  expect(event).toEqual(reloaded);
  // From the change on, so with the time that is waited for more of them, and whole.
  expect(event['ms']).toBeGreaterThan(0);
  expect(Number.isInteger(event['ms'])).toBe(true);

  await writeFile(app.module, 'not WebAssembly');
  expect(await nextEvent(run, 'reload-failed')).toEqual({
    type: 'reload-failed',
    files: ['server.wasm'],
    code: 'MODULE_INVALID',
    message: expect.stringContaining('server.wasm'),
    hint: expect.any(String),
    serving: 2,
    ms: aNumber,
  });
  await app.save('hello-wasix');
  await nextEvent(run, 'reloaded', 1);

  await app.configure(network(`${other}:3000`));
  expect(await nextEvent(run, 'closed')).toEqual({
    type: 'closed',
    addresses,
    hostPort: one,
    processPort: 3000,
    protocol: 'tcp',
  });
  const moved = `http://localhost:${other}`;
  expect(await nextEvent(run, 'forward', 1)).toEqual({ ...forward, hostPort: other, url: moved });
  expect(await get(moved)).toContain('Hello');

  await app.configure(network('70000:3000'));
  const mistake = await nextEvent(run, 'reload-failed', 1);
  expect(mistake).toMatchObject({ files: ['.wasmrun.toml'], code: 'CONFIG_INVALID', serving: 3 });
  expect(mistake['message']).toMatch(/\.wasmrun\.toml:2:13: forward "70000:3000"/);

  // A build's own words are not on standard output, whatever stream it writes them to.
  await app.configure(`${network(`${other}:3000`)}[build]\ncommand = ["sh", "-c", "echo built; exit 1"]\n`);
  await app.save('hello-preview1');
  expect(await nextEvent(run, 'reload-failed', 2)).toMatchObject({ code: 'BUILD_FAILED', serving: 3 });
  expect(run.stderr()).toBe('built\n');

  await app.configure(network(`${other}:3000`));
  await app.save('hello-wasmedge');
  const { files } = await nextEvent(run, 'reloaded', 2);
  expect(files).toEqual(expect.arrayContaining(['server.wasm']));
  await stop(run);
  const all = eventsOf(run);
  expect(all.at(-1)).toEqual({ type: 'exited', status: 143, reason: 'stopped' });
  const generations = all.filter(({ type }) => type === 'reloaded').map(({ generation }) => generation);
  expect(generations).toEqual(generations.toSorted((first, second) => Number(first) - Number(second)));
});
