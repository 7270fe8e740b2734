/**
 * What system calls of a guest compiled by Emscripten have in common. Results are ≥ 0 or a negated errno of WASI, as
 * Emscripten has them.
 */
import { WASI, toWasi } from '../errno.ts';
import type { FdTable } from '../fd-table.ts';
import { GuestFault } from '../guest-memory.ts';
import type { GuestMemory } from '../guest-memory.ts';

export interface GuestState {
  readonly memory: GuestMemory;
  readonly fds: FdTable;
}

export type Call = (...values: never[]) => number | undefined | bigint;

/** Answers with an errno what the guest has done wrong. */
export const answering =
  <Parameters extends unknown[], Result>(
    memory: GuestMemory,
    call: (...values: Parameters) => Result,
  ): ((...values: Parameters) => Result | number) =>
  (...values) => {
    memory.refresh();
    try {
      return call(...values);
    } catch (error) {
      if (error instanceof GuestFault) return -error.errno;
      if (error instanceof RangeError) return -WASI.EFAULT;
      throw error;
    }
  };

/** The result of {@link GuestFileSystem}, which has Linux's numbers. */
export const fromLinux = <Result>(result: Result | number): Result | number =>
  typeof result === 'number' && result < 0 ? -toWasi(-result) : result;

/** The bytes of a text that ends with a zero. */
export const zeroTerminated = (memory: GuestMemory, address: number): Buffer => {
  const end = memory.bytes.indexOf(0, address);
  if (end < 0) throw new GuestFault();
  return memory.path(address, end - address);
};
