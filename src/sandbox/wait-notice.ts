/** Says why nothing happens while another wasmrun has the records to itself. */
import type { Log } from '../log.ts';

/** Others hold the lock for some ten milliseconds each; who waits for longer than this, in ms, is told. */
const NOTICE_MS = 300;

/** A callback for `State.exclusively` that says it once. */
export const waitNotice = (log: Log): ((waitedMs: number) => void) => {
  let isTold = false;
  return (waitedMs) => {
    if (isTold || waitedMs < NOTICE_MS) return;
    isTold = true;
    log.info('waiting for other sandboxes that are being started or stopped');
  };
};
