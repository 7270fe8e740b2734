/** The send thread, as a program: it sends until the engine ends. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { EXIT_STATUS } from '../../errors.ts';
import { exitNow } from '../libc.ts';
import type { SendThreadData } from './layout.ts';
import { SendLoop } from './send-loop.ts';

try {
  new SendLoop(workerData as SendThreadData).run();
} catch (error) {
  // Nothing would be sent any more, and nobody know.
  writeSync(2, `the send thread failed: ${String(error)}\n`);
  exitNow(EXIT_STATUS.failed);
}
