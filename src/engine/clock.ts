/** The clocks of preview1 (`$clockid`), whose numbers are those of clock_gettime(2). */
import { check, libc } from '../os/libc.ts';

export const CLOCK = { realtime: 0, monotonic: 1, processCpu: 2, threadCpu: 3 } as const;

const NANOSECONDS = 1_000_000_000n;

type ClockCall = (clock: number, timespec: BigInt64Array) => number;
const clockGettime: ClockCall = libc.func('int clock_gettime(int, void *)');
const clockGetres: ClockCall = libc.func('int clock_getres(int, void *)');

/** struct timespec: tv_sec, tv_nsec. */
const timespec = new BigInt64Array(2);

const nanoseconds = (): bigint => timespec[0]! * NANOSECONDS + timespec[1]!;

/** Current time of a clock in nanoseconds. */
export const readClock = (clock: number): bigint => {
  // hrtime is CLOCK_MONOTONIC without the cost of a foreign call.
  if (clock === CLOCK.monotonic) return process.hrtime.bigint();
  check('clock_gettime', clockGettime(clock, timespec));
  return nanoseconds();
};

/** Resolution of a clock in nanoseconds. */
export const clockResolution = (clock: number): bigint => {
  check('clock_getres', clockGetres(clock, timespec));
  return nanoseconds();
};
