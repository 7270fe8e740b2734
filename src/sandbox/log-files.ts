/**
 * The files of a sandbox's log: numbered in the order they were begun, and never renamed, so that a reader who is in the
 * midst of one always knows which one follows.
 */
import { readdirSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { currentOwner, persistentDirectory } from './state-directory.ts';

const FILE = /^([1-9]\d{0,14})\.jsonl$/;

/** Where the log of a sandbox lies. */
export const logDirectory = (
  prefix: string,
  sandbox: string,
  root: string = persistentDirectory(currentOwner()),
): string => join(root, prefix, 'logs', sandbox);

export const logPath = (directory: string, number: number): string => join(directory, `${number}.jsonl`);

/** Numbers of a log's files, the oldest first. */
export const logNumbers = (directory: string): number[] => {
  try {
    return readdirSync(directory)
      .flatMap((name) => FILE.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

/** Takes a log away; whoever follows it is at its end. */
export const removeLog = (directory: string): void => {
  rmSync(directory, { recursive: true, force: true });
  try {
    rmdirSync(dirname(directory));
  } catch {
    // There are logs of others, or there never was one.
  }
};
