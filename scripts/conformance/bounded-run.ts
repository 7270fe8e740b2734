/** Runs a program that may hang, flood its output or leave children behind, and always comes back. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeCommand } from '../../test/helpers/nodejs-command.ts';

export interface BoundedOptions {
  /** After so many ms the program is told to end. */
  readonly timeoutMs: number;
  /** The same when it has said nothing for so many ms. */
  readonly silenceMs?: number;
  /** How much of what it says is kept, in bytes; the rest is read and forgotten. */
  readonly outputBytes?: number;
  /** From SIGTERM to SIGKILL, in ms: a sandbox takes its network namespace down in between. */
  readonly graceMs?: number;
}

export interface Ending {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly isTimedOut: boolean;
  /** Standard output and standard error as they came. */
  readonly output: string;
}

/** For what is still in the pipe when the program has ended, in ms. */
const DRAIN_MS = 500;

/** Sends a signal to a process group, if there still is one (ESRCH, kill(2)). */
const signalGroup = (leader: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/**
 * Runs a command in a process group of its own, of which nothing is left afterwards.
 * @throws {Error} where it cannot be started
 */
export const runBounded = async (
  { file, args, cwd, env }: NodeCommand,
  { timeoutMs, silenceMs, outputBytes = 64 * 1024, graceMs = 5000 }: BoundedOptions,
): Promise<Ending> => {
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = Promise.withResolvers<[number | null, NodeJS.Signals | null]>();
  child.once('error', ended.reject).once('exit', (status, signal) => ended.resolve([status, signal]));
  const closed = new Promise((resolve) => child.once('close', resolve));
  let output = '';
  let isTimedOut = false;
  let forced: NodeJS.Timeout | undefined;
  const end = (): void => {
    isTimedOut = true;
    signalGroup(child.pid!, 'SIGTERM');
    forced ??= setTimeout(() => signalGroup(child.pid!, 'SIGKILL'), graceMs);
  };
  const patience = setTimeout(end, timeoutMs);
  const silence = silenceMs === undefined ? undefined : setTimeout(end, silenceMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      silence?.refresh();
      if (output.length < outputBytes) output += text.slice(0, outputBytes - output.length);
    });
  }
  try {
    const [status, signal] = await ended.promise;
    signalGroup(child.pid!, 'SIGKILL');
    // Who left the group may hold the pipes open for ever.
    await Promise.race([closed, sleep(DRAIN_MS)]);
    return { status, signal, isTimedOut, output };
  } finally {
    clearTimeout(patience);
    clearTimeout(silence);
    clearTimeout(forced);
    child.stdout.destroy();
    child.stderr.destroy();
  }
};
