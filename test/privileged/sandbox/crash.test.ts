/** Ends by force at random moments under traffic, and strangers whose names are like ours. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  childrenOf,
  eventually,
  isRunning,
  killAll,
  newPrefix,
  reaperOf,
  remains,
  runCli,
  startCli,
} from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';
import { startLoad } from '../../helpers/load.ts';

const HELLO = guestPath('hello-wasmedge');
const ROUNDS = 20;
/** Longer than a start takes: some are hit while they start, some while they serve. */
const LATEST_MS = 500;
const TRANSPORTS = ['nftables', 'iptables', 'handoff'] as const;

type Victim = 'supervisor' | 'engine' | 'both';

interface Crash {
  readonly prefix: string;
  readonly victim: Victim;
  readonly transport: string;
  readonly afterMs: number;
  /** The shell that would sweep is killed first. */
  readonly killsReaper: boolean;
}

/** Who removes what is left: the supervisor that lives, the shell that waited for its end, or a later command. */
type Sweeper = 'supervisor' | 'reaper' | 'next command';

/** Starts a sandbox and kills what is to be killed after a while. */
const crash = async ({ prefix, victim, transport, afterMs, killsReaper }: Crash): Promise<Sweeper> => {
  await using run = startCli(['os', HELLO, '--forward', '3000', '--transport', transport], { prefix });
  const url = run.url().catch(() => undefined);
  const isServing = afterMs > LATEST_MS / 2 ? await url : undefined;
  await using load =
    isServing === undefined ? undefined : startLoad(isServing.replace('localhost', '127.0.0.1'));
  await pause(afterMs);
  const [engine] = childrenOf(run.process.pid!);
  const reaper = reaperOf(run.process.pid!);
  if (killsReaper && reaper !== undefined) process.kill(reaper, 'SIGKILL');
  if (victim !== 'supervisor' && engine !== undefined) process.kill(engine, 'SIGKILL');
  if (victim !== 'engine' || engine === undefined) run.process.kill('SIGKILL');
  const { signal } = await run.ended;
  expect(signal).toBe(victim === 'engine' && engine !== undefined ? null : 'SIGKILL');
  if (engine !== undefined) expect(await eventually(() => !isRunning(engine))).toBe(true);
  await load?.stop();
  if (signal === null) return 'supervisor';
  return reaper === undefined || killsReaper ? 'next command' : 'reaper';
};

/** How many things {@link placeDecoys} makes, at least: a namespace, an interface, a table and a chain. */
const DECOYS = 4;

/** Things of a stranger that are called what ours would be called; disposing removes them. */
const placeDecoys = (prefix: string) => {
  const run = (line: string): string => {
    const [file = '', ...args] = line.split(' ');
    return execFileSync(file, args, { encoding: 'utf8', stdio: 'pipe' });
  };
  run(`ip netns add ${prefix}-decoy`);
  run(`ip link add ${prefix}-v0 type veth peer name eth0 netns ${prefix}-decoy`);
  run(`nft add table ip ${prefix}`);
  run(`nft add chain ip ${prefix} guard`);
  run(`iptables --new-chain ${prefix}-decoy`);
  return {
    [Symbol.dispose]: () => {
      run(`ip link delete ${prefix}-v0`);
      run(`ip netns delete ${prefix}-decoy`);
      run(`nft delete table ip ${prefix}`);
      run(`iptables --delete-chain ${prefix}-decoy`);
    },
  };
};

describe.each<Victim>(['supervisor', 'engine', 'both'])('kill -9 of the %s', (victim) => {
  test(`at ${ROUNDS} random moments leaves nothing, by itself or after the next command, and strangers alone`, async () => {
    const seed = randomInt(2 ** 31);
    console.log(`kill -9 of the ${victim}: seed ${seed}`);
    const moments = fc.sample(fc.integer({ min: 0, max: LATEST_MS }), { seed, numRuns: ROUNDS });
    const prefix = newPrefix();
    {
      using _ = placeDecoys(prefix);
      const strangers = remains(prefix);
      expect(strangers.length).toBeGreaterThanOrEqual(DECOYS);
      for (const [round, afterMs] of moments.entries()) {
        const transport = TRANSPORTS[round % TRANSPORTS.length] ?? 'handoff';
        try {
          const sweeper = await crash({ prefix, victim, transport, afterMs, killsReaper: round % 2 === 0 });
          // The next command is the next start, or every other time gc.
          if (sweeper === 'next command' && round % 4 === 0) continue;
          if (sweeper === 'next command')
            expect(await runCli(['gc', '--json'], { prefix })).toMatchObject({ status: 0, stderr: '' });
          const isSwept = (): boolean => String(remains(prefix)) === String(strangers);
          if (sweeper === 'reaper') await eventually(isSwept);
          expect(remains(prefix)).toEqual(strangers);
        } catch (error) {
          throw new Error(`round ${round}: ${transport}, after ${afterMs} ms, seed ${seed}`, {
            cause: error,
          });
        }
      }
    }
    expect(remains(prefix)).toEqual([]);
  }, 180_000);
});

describe('things of strangers with names like ours', () => {
  test.each(TRANSPORTS)('survive starts, crashes and gc (%s)', async (transport) => {
    const prefix = newPrefix();
    {
      using _ = placeDecoys(prefix);
      const before = remains(prefix);
      expect(before.length).toBeGreaterThanOrEqual(DECOYS);
      await runCli(['gc'], { prefix });
      expect(remains(prefix)).toEqual(before);

      const args = ['os', HELLO, '--name', 'app', '--forward', '3000', '--transport', transport];
      await using orderly = startCli(args, { prefix });
      expect(await (await fetch(await orderly.url())).text()).toContain('Hello');
      orderly.process.kill('SIGTERM');
      expect((await orderly.ended).status).toBe(143);
      expect(remains(prefix)).toEqual(before);

      await using crashed = startCli(args, { prefix });
      await crashed.url();
      await killAll(crashed);
      expect((await runCli(['gc'], { prefix })).stdout).toContain('app');
      expect(remains(prefix)).toEqual(before);

      // A name that is taken is refused, not taken over.
      const refused = await runCli(['os', HELLO, '--name', 'decoy'], { prefix });
      expect(refused.status).toBe(125);
      expect(remains(prefix)).toEqual(before);
    }
    expect(remains(prefix)).toEqual([]);
  });

  test.each([
    ['nftables', 'nft add table inet PREFIX', 'nft delete table inet PREFIX'],
    ['iptables', 'iptables --new-chain PREFIX-to_host', 'iptables --delete-chain PREFIX-to_host'],
  ])('a %s wall of that name is not taken over either', async (transport, make, unmake) => {
    const prefix = newPrefix();
    const run = (line: string): void => {
      const [file = '', ...args] = line.replace('PREFIX', prefix).split(' ');
      execFileSync(file, args, { stdio: 'pipe' });
    };
    run(make);
    try {
      const before = remains(prefix);
      const refused = await runCli(['os', HELLO, '--transport', transport], { prefix });
      expect(refused.status).toBe(125);
      expect(refused.stderr).toContain('was not made by wasmrun');
      await runCli(['gc'], { prefix });
      expect(remains(prefix)).toEqual(before);
    } finally {
      run(unmake);
    }
    expect(remains(prefix)).toEqual([]);
  });
});
