/** preview1: arguments, environment, clocks, randomness and the end of the process. */
import { clockResolution, readClock } from '../clock.ts';
import { WASI } from '../errno.ts';
import { fillRandom } from '../random.ts';
import type { GuestContext, HostFunctions } from '../guest-context.ts';

/** preview1 `$clockid`: realtime, monotonic, process CPU time, thread CPU time. */
const CLOCKS = 4;
/** The guest's exit status is one byte, as wait(2) would give it. */
const STATUS_MASK = 0xff;

export const processFunctions = ({
  memory,
  env,
  services: { control, args },
}: GuestContext): HostFunctions => {
  const argumentList = args.map(toCString);
  const environment = Object.entries(env).map(([name, value]) => toCString(`${name}=${value}`));

  const writeSizes = (strings: readonly Buffer[], countAt: number, sizeAt: number): number => {
    memory.view.setUint32(countAt, strings.length, true);
    memory.view.setUint32(sizeAt, totalLength(strings), true);
    return WASI.SUCCESS;
  };
  const writeStrings = (strings: readonly Buffer[], pointersAt: number, bytesAt: number): number => {
    let next = bytesAt;
    for (const [index, bytes] of strings.entries()) {
      memory.view.setUint32(pointersAt + 4 * index, next, true);
      memory.slice(next, bytes.length).set(bytes);
      next += bytes.length;
    }
    return WASI.SUCCESS;
  };

  return {
    args_sizes_get: (countAt: number, sizeAt: number) => writeSizes(argumentList, countAt, sizeAt),
    args_get: (pointersAt: number, bytesAt: number) => writeStrings(argumentList, pointersAt, bytesAt),
    environ_sizes_get: (countAt: number, sizeAt: number) => writeSizes(environment, countAt, sizeAt),
    environ_get: (pointersAt: number, bytesAt: number) => writeStrings(environment, pointersAt, bytesAt),

    clock_res_get(clock: number, resultAt: number) {
      if (clock >= CLOCKS) return WASI.EINVAL;
      memory.view.setBigUint64(resultAt, clockResolution(clock), true);
      return WASI.SUCCESS;
    },
    clock_time_get(clock: number, _precision: bigint, resultAt: number) {
      if (clock >= CLOCKS) return WASI.EINVAL;
      memory.view.setBigUint64(resultAt, readClock(clock), true);
      return WASI.SUCCESS;
    },

    random_get(pointer: number, length: number) {
      fillRandom(memory.slice(pointer, length));
      return WASI.SUCCESS;
    },

    sched_yield: () => WASI.SUCCESS,
    proc_exit: (status: number) => control.exit({ status: status & STATUS_MASK, reason: 'exit' }),
    // There are no signals inside the sandbox; raising one ends the guest as it would end a native program.
    proc_raise: (signal: number) => control.exit({ status: 128 + (signal & 0x7f), reason: 'exit' }),
  };
};

const toCString = (text: string): Buffer => Buffer.from(`${text}\0`);
const totalLength = (strings: readonly Buffer[]): number =>
  strings.reduce((sum, bytes) => sum + bytes.length, 0);
