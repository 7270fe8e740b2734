/** Ends at any moment: nothing may be left, and the status tells what ended it. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  eventually,
  isRunning,
  newPrefix,
  remains,
  runCli,
  startCli,
} from '../../helpers/cli.ts';
import type { CliEnd, CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const BIN = fileURLToPath(new URL('../../../bin/wasmrun.cjs', import.meta.url));
const ROUNDS = 30;
/** Rounds at the same time: as many as make the moments vary without starving each other. */
const AT_ONCE = 3;
/** The start takes about 100 ms; later ones meet the running guest. */
const LATEST_MS = 150;
/** What a guest gets that never waits; others are gone before. */
const STOP_GRACE_MS = 2000;
const STEPS = ['ports', 'record', 'namespace', 'engine', 'link', 'firewall', 'transport', 'go'] as const;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const start = (prefix: string, options: Parameters<typeof startCli>[1] = {}): CliRun =>
  startCli(['os', guestPath('hello-wasmedge'), '--forward', '3000', '--verbose'], { prefix, ...options });

/** What a shell would report. */
const statusOf = ({ status, signal }: CliEnd): number => status ?? 128 + constants.signals[signal!];

/** Runs the rounds a few at a time. */
const repeat = async (round: (number: number) => Promise<void>): Promise<void> => {
  for (let first = 0; first < ROUNDS; first += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => round(first + index)));
};

/** The engine, if it has been started. */
const engineOf = (run: CliRun): number[] => {
  try {
    return childrenOf(run.process.pid!);
  } catch {
    return [];
  }
};

const expectGone = async (pids: readonly number[]): Promise<void> => {
  expect(await eventually(() => !pids.some((pid) => isRunning(pid)))).toBe(true);
};

describe('SIGTERM', () => {
  test(`at ${ROUNDS} random moments of the start always ends with 143 and leaves nothing`, async () => {
    await repeat(async () => {
      const prefix = newPrefix();
      await using run = start(prefix);
      const delay = randomInt(LATEST_MS);
      await pause(delay);
      const engine = engineOf(run);
      const begin = performance.now();
      run.process.kill('SIGTERM');
      const end = await run.ended;
      expect({ delay, status: statusOf(end), left: remains(prefix), stderr: end.stderr }).toEqual({
        delay,
        status: 143,
        left: [],
        stderr: end.stderr,
      });
      expect(performance.now() - begin).toBeLessThan(STOP_GRACE_MS);
      await expectGone(engine);
    });
  });

  test.each(STEPS)('after the step "%s" of the start', async (step) => {
    const prefix = newPrefix();
    await using run = start(prefix);
    await run.printed(new RegExp(` ms {2}${step}$`, 'm'));
    const engine = engineOf(run);
    const begin = performance.now();
    run.process.kill('SIGTERM');
    expect((await run.ended).status).toBe(143);
    expect(performance.now() - begin).toBeLessThan(STOP_GRACE_MS);
    expect(remains(prefix)).toEqual([]);
    await expectGone(engine);
  });

  test('followed by another signal at once ends by one of the two', async () => {
    await repeat(async (number) => {
      const prefix = newPrefix();
      await using run = start(prefix);
      if (number % 2 === 0) await run.url();
      else await run.printed(/ ms {2}ports$/m);
      await pause(randomInt(20));
      run.process.kill('SIGTERM');
      await pause(randomInt(5));
      run.process.kill('SIGINT');
      // The kernel delivers signals that wait at the same time in the order of their numbers.
      expect([130, 143]).toContain(statusOf(await run.ended));
      expect(remains(prefix)).toEqual([]);
    });
  });
});

/** Becomes a command that has to wait for the records' lock for ever: it holds that itself, unknowingly. */
const HOLD_LOCK =
  'mount -t tmpfs none /run && mkdir /run/wasmrun && exec 9</run/wasmrun && flock 9 && exec "$@"';

describe('Ctrl-C', () => {
  test('ends a start that waits for another wasmrun, and says so', async () => {
    const prefix = newPrefix();
    const command = [BIN, 'os', guestPath('hello-wasmedge'), '--forward', '3000'];
    const run = execFile('unshare', ['--mount', 'sh', '-c', HOLD_LOCK, 'sh', process.execPath, ...command], {
      env: { NO_COLOR: '1', PATH: process.env['PATH'], WASMRUN_NAMESPACE_PREFIX: prefix },
    });
    const [said] = (await once(run.stderr!, 'data')) as [string];
    expect(said).toBe('waiting for other sandboxes that are being started or stopped\n');
    expect(run.exitCode).toBe(null);
    run.kill('SIGINT');
    await once(run, 'exit');
    expect(run.exitCode).toBe(130);
    expect(remains(prefix)).toEqual([]);
  });

  test('reaches the whole process group and still ends orderly', async () => {
    await repeat(async (number) => {
      const prefix = newPrefix();
      await using run = start(prefix, { detached: true });
      if (number < ROUNDS / 2) await run.url();
      else {
        await run.printed(/ ms {2}engine$/m);
        await pause(randomInt(60));
      }
      const engine = engineOf(run);
      process.kill(-run.process.pid!, 'SIGINT');
      expect((await run.ended).status).toBe(130);
      expect(remains(prefix)).toEqual([]);
      await expectGone(engine);
    });
  });
});

describe('SIGKILL of the supervisor', () => {
  const killAndSweep = async (prefix: string, run: CliRun): Promise<void> => {
    const engine = engineOf(run);
    run.process.kill('SIGKILL');
    await run.ended;
    await expectGone(engine);
    const sweep = await runCli(['gc', '--json'], { prefix });
    expect({ status: sweep.status, stderr: sweep.stderr }).toEqual({ status: 0, stderr: '' });
    expect(remains(prefix)).toEqual([]);
  };

  test(`at ${ROUNDS} random moments of the start leaves nothing that gc does not find`, async () => {
    await repeat(async () => {
      const prefix = newPrefix();
      await using run = start(prefix);
      await pause(randomInt(LATEST_MS));
      await killAndSweep(prefix, run);
    });
  });

  test.each(STEPS)('after the step "%s" of the start', async (step) => {
    const prefix = newPrefix();
    await using run = start(prefix);
    await run.printed(new RegExp(` ms {2}${step}$`, 'm'));
    await killAndSweep(prefix, run);
  });

  test('while it is stopping leaves nothing that gc does not find', async () => {
    await repeat(async () => {
      const prefix = newPrefix();
      await using run = start(prefix);
      await run.url();
      run.process.kill('SIGTERM');
      await pause(randomInt(25));
      await killAndSweep(prefix, run);
    });
  });
});
