/** A hundred sandboxes at once, by the real command: nothing is shared, all answer, nothing is left. */
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { newPrefix, remains, startCli, type CliRun } from '../helpers/cli.ts';
import { guestPath } from '../helpers/engine.ts';

const COUNT = 100;
const STARTED = /^(\S+) {2}(\S+) {2}\(namespace (\S+)\)$/m;

/** Room for 128 pairs: as two installations choose from it, each must see what the other one took. */
const POOL = `10.${randomInt(192, 230)}.${randomInt(256)}.0/24`;

const start = (prefix: string): CliRun =>
  startCli(['os', guestPath('hello-wasmedge'), '--forward', '3000'], {
    prefix,
    env: { WASMRUN_ADDRESS_POOL: POOL },
  });

/** How many different things a list has. */
const distinct = (values: readonly unknown[]): number => new Set(values).size;

/** What the guest counts, asked over a connection of its own: the first one it ever had. */
const counters = async (url: string): Promise<string> => (await fetch(`${url}/stat`)).text();

test(`${COUNT} sandboxes of two installations that share addresses start, serve and stop at once`, async () => {
  const prefixes = [newPrefix(), newPrefix()];
  await using stack = new AsyncDisposableStack();
  const runs = Array.from({ length: COUNT }, (_, index) => stack.use(start(prefixes[index % 2]!)));

  const urls = await Promise.all(runs.map((run) => run.url()));

  const started = runs.map((run) => STARTED.exec(run.stderr()) ?? []);
  expect(distinct(started.map(([, name], index) => `${index % 2} ${name}`))).toBe(COUNT);
  expect(distinct(started.map(([, , address]) => address))).toBe(COUNT);
  expect(distinct(started.map(([, , , namespace]) => namespace))).toBe(COUNT);
  expect(distinct(urls)).toBe(COUNT);
  // Were two ports to lead to one sandbox, it would have accepted twice.
  for (const host of ['127.0.0.1', '[::1]']) {
    const answers = await Promise.all(urls.map((url) => counters(url.replace('localhost', host))));
    const accepted = host === '127.0.0.1' ? 1 : 2;
    expect(answers.filter((answer) => !answer.includes(` accepted=${accepted} `))).toEqual([]);
  }

  for (const run of runs) run.process.kill('SIGTERM');
  const ends = await Promise.all(runs.map((run) => run.ended));
  expect(ends.filter(({ status }) => status !== 143)).toEqual([]);
  for (const prefix of prefixes) expect(remains(prefix)).toEqual([]);
});
