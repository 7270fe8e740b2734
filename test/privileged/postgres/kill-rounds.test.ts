/**
 * A database that is killed under its writers, again and again: `npm run kill-rounds` for a hundred times, a few by
 * default.
 */
import { chown, mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { enginesOf } from '../../../src/sandbox/process-hops.ts';
import { startDatabase } from '../../helpers/database.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { TransferWriters, checkTransfers, createTransfers } from '../../helpers/transfer-writers.ts';
import type { RoundRecord } from '../../helpers/transfer-writers.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 3);
/** Every so many rounds it is the supervisor that is killed. */
const SUPERVISOR_EVERY = 3;
/** After the writers have begun, at most; in ms. */
const LATEST_KILL_MS = 1500;
const ROUND_TIMEOUT_MS = 60_000;
/** Whom an engine becomes that root has started, with an app of nobody's. */
const NOBODY = 65_534;

/** Kills the engine, or what watches over it; neither can do anything about it. */
const kill = async ({ run }: TestDatabase, round: number): Promise<void> => {
  const supervisor = run.process.pid!;
  if (round % SUPERVISOR_EVERY === 0) process.kill(supervisor, 'SIGKILL');
  else {
    const engines = enginesOf(supervisor);
    expect(engines).toHaveLength(1);
    process.kill(engines[0]!, 'SIGKILL');
  }
  await run.ended;
};

test(
  `${ROUNDS} rounds of kill -9: what was acknowledged is there, and sums are equal`,
  { timeout: (ROUNDS + 1) * ROUND_TIMEOUT_MS },
  async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), 'wasmrun-kill-'));
    await chown(directory.path, NOBODY, NOBODY);
    const start = (): Promise<TestDatabase> =>
      startDatabase('--dir', `${directory.path}:/var/lib/postgresql/data`);
    const counts: number[] = [];
    let untold = 0;
    let last: RoundRecord | undefined;
    for (let round = 1; round <= ROUNDS + 1; round += 1) {
      await using database = await start();
      if (last === undefined) await createTransfers(database.port);
      else counts.push(await checkTransfers(database.port, last, counts));
      if (round > ROUNDS) break;
      const writers = new TransferWriters(database.port, round);
      await writers.started;
      await setTimeout(Math.random() * LATEST_KILL_MS);
      await kill(database, round);
      last = await writers.ended();
      untold += last.untold;
    }
    const total = counts.reduce((sum, count) => sum + count, 0);
    console.log(
      `${ROUNDS} rounds, ${total} transactions: ${counts.join(' ')}; ${untold} clients were not told`,
    );
  },
);
