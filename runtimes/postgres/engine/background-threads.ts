/**
 * The engine's other threads. On V8's own it optimizes what has become hot: in a start's first half second that is more work
 * than the engine's thread has to do, and there are four of them, so on two cores that thread would have to wait for them.
 * The one that sends would take a core from it for every answer; as it is it sends several at a time, and eight clients are
 * served a tenth faster.
 */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Their nice value: each weighs a third of what the engine's thread does (sched(7), a step is 1.25). With 10, a tenth, a
 * start is hardly faster, and under load it takes seconds longer until queries are.
 */
const NICE = 5;

/** From now on they come after the engine's thread. To be called while /proc can be read. */
export const giveWay = (): void => {
  for (const thread of readdirSync('/proc/self/task').map(Number)) {
    // setpriority(2) takes threads as well.
    if (thread !== process.pid) setPriority(thread, NICE);
  }
};
