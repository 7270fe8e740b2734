/** Checkpoints now and then, where something was written, as PostgreSQL's checkpointer makes them. */
import type { InnerSession } from './inner-session.ts';
import type { RelationFiles } from './relation-files.ts';
import type { Stacks } from './stacks.ts';

/** `checkpoint_timeout` as it is by default, and how often is looked whether there is anything to do; in ms. */
const CHECKPOINT_INTERVAL_MS = 300_000;
const CHECK_INTERVAL_MS = 1000;
/** After so many bytes of the log, too. */
const CHECKPOINT_LOG_BYTES = 256 << 20;

export interface CheckpointHost {
  readonly stacks: Stacks;
  readonly relations: RelationFiles;
  /** Makes them. */
  readonly client: InnerSession;
}

/** Until it is disposed of. */
export const makeCheckpoints = ({ stacks, relations, client }: CheckpointHost): Disposable => {
  let logBytes = 0;
  let lastCheckpoint = 0;
  const check = (): void => {
    logBytes += relations.takeLogBytes();
    const isDue = performance.now() - lastCheckpoint >= CHECKPOINT_INTERVAL_MS;
    if (logBytes >= CHECKPOINT_LOG_BYTES || (isDue && logBytes > 0)) {
      logBytes = 0;
      lastCheckpoint = performance.now();
      client.query('CHECKPOINT');
    }
    timer = stacks.after(CHECK_INTERVAL_MS, check);
  };
  let timer = stacks.after(CHECK_INTERVAL_MS, check);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
};
