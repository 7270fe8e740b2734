import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startEngine } from '../../helpers/engine.ts';
import { freePort } from '../../helpers/free-port.ts';
import type { EngineOptions } from '../../helpers/engine.ts';

const EXPECTED = `
monotonic ok
realtime ok
cpu-time ok
resolution ok
unknown-clock EINVAL
usleep ok
nanosleep ok
relative-monotonic ok
relative-realtime ok
absolute-monotonic ok
absolute-realtime ok
past-deadline ok
shorter-of-two ok
no-subscriptions EINVAL
output-writable ok
bad-descriptor EBADF
input-and-clock ok
input-wakes ok
`;

test('clocks and timers of every kind, alone and together with input', async () => {
  await using run = startEngine({ guest: 'timers', keepStdin: true });
  await run.printed('input-and-clock');
  run.process.stdin!.end('a line\n');
  expect((await run.ended).status).toBe(0);
  expect(`\n${run.stdout()}`).toBe(EXPECTED);
});

/** Time a process has spent on a processor, in ms (proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms). */
const cpuTime = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
};

test('a guest that sleeps costs nothing', async () => {
  await using run = startEngine({ guest: 'ticker', args: ['ticker', '3', '300'] });
  await run.printed('tick 1');
  const before = cpuTime(run.process.pid!);
  await run.printed('tick 2');
  expect(cpuTime(run.process.pid!) - before).toBeLessThan(60);
});

/** Far below the supervisor's patience of 2 s, far above what a busy machine needs. */
const AT_ONCE_MS = 1000;

/** Where a guest can wait, and what shows that it does. */
const WAITS: [string, () => Promise<EngineOptions>, string][] = [
  ['sleeps', async () => ({ guest: 'ticker', args: ['ticker', '2', '300'] }), 'tick 1'],
  ['reads from standard input', async () => ({ guest: 'cat', keepStdin: true, stdin: 'first' }), 'first'],
  [
    'waits for connections',
    async () => ({ guest: 'hello-wasmedge', args: ['hello', String(await freePort()), '127.0.0.1'] }),
    'listening',
  ],
];

describe.each(WAITS)('a guest that %s', (_what, options, sign) => {
  test('hears a stop at once', async () => {
    await using run = startEngine(await options());
    await run.printed(sign);
    const begin = performance.now();
    run.control.write('{"type":"stop"}\n');
    const { status, end } = await run.ended;
    expect({ status, end }).toEqual({ status: 0, end: { type: 'exited', status: 0, reason: 'stopped' } });
    expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS);
  });

  test('ends at once when its supervisor is gone', async () => {
    await using run = startEngine(await options());
    await run.printed(sign);
    const begin = performance.now();
    run.control.destroy();
    expect((await run.ended).status).toBe(125);
    expect(performance.now() - begin).toBeLessThan(AT_ONCE_MS);
  });

  test('does not care for the signals of a terminal', async () => {
    await using run = startEngine(await options());
    await run.printed(sign);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) run.process.kill(signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([run.process.exitCode, run.process.signalCode]).toEqual([null, null]);
  });
});
