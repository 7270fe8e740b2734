/** Memory of processes, as the kernel counts it. */
import { readFileSync } from 'node:fs';
import { childrenOf } from '../test/helpers/cli.ts';

/** In KiB (proc(5), smaps_rollup): pages that are there; and, of those that are shared, the share. */
export interface ProcessMemory {
  readonly rss: number;
  readonly pss: number;
}

export const memoryOf = (pid: number): ProcessMemory => {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)![1]);
  return { rss: field('Rss'), pss: field('Pss') };
};

/** A process and all that descend from it. */
export const processTree = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(processTree)];
