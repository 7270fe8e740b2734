/** Runs the real command as its users do, and looks for what it leaves behind. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { leftovers } from '../privileged/network/test-network.ts';

export const BIN = fileURLToPath(new URL('../../bin/wasmrun.cjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** `--forward …` line as it is printed: URL, sandbox and port, transport. */
const FORWARD_LINE = /^(\S+) → (\S+):(\d+) {2}(\S+)$/m;

export interface CliEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly prefix: string;
  readonly ended: Promise<CliEnd>;
  stdout(): string;
  stderr(): string;
  /** Resolves when both outputs together match; rejects when the command ends first. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** The first forward's URL, once it is open. */
  url(): Promise<string>;
}

export interface CliOptions {
  readonly prefix?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Leave standard input open after that. */
  readonly keepStdin?: boolean;
  /** What the arguments are given to, where it is not {@link BIN} itself. */
  readonly command?: readonly [string, ...string[]];
  /** Who types it; by default whoever runs the test. */
  readonly uid?: number;
  /** In a process group of its own, as a shell starts a job. */
  readonly detached?: boolean;
}

export const newPrefix = (): string => `t${randomBytes(3).toString('hex')}`;

export const startCli = (args: readonly string[], options: CliOptions = {}): CliRun => {
  const prefix = options.prefix ?? newPrefix();
  const [file, ...before] = options.command ?? [BIN];
  const child = spawn(file, [...before, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, NO_COLOR: '1', WASMRUN_NAMESPACE_PREFIX: prefix, ...options.env },
    stdio: 'pipe',
    detached: options.detached ?? false,
    ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  let closed = false;
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
      changed();
    });
  }
  const ended = new Promise<CliEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      closed = true;
      changed();
      resolve({ status, signal, ...output });
    });
  });
  child.stdin.on('error', () => {});
  child.stdin.write(options.stdin ?? '');
  if (options.keepStdin !== true) child.stdin.end();
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const match = pattern.exec(`${output.stderr}\n${output.stdout}`);
        if (match === null && !closed) return;
        watchers.delete(check);
        if (match === null)
          reject(new Error(`ended without ${pattern}:\n${output.stderr}\n${output.stdout}`));
        else resolve(match);
      };
      watchers.add(check);
      check();
    });
  return {
    process: child,
    prefix,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    printed,
    url: async () => (await printed(FORWARD_LINE))[1]!,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
};

/** Runs the command to its end. */
export const runCli = (args: readonly string[], options: CliOptions = {}): Promise<CliEnd> =>
  startCli(args, options).ended;

/** Kernel objects and files of a prefix; empty when a sandbox left nothing. */
export const remains = (prefix: string): string[] => [
  ...leftovers(prefix),
  ...[`/run/wasmrun/${prefix}`, `/var/lib/wasmrun/${prefix}`].filter((path) => existsSync(path)),
];

/** Process ids of a process's children. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** The shell among a supervisor's children that sweeps up after it, once there is one. */
export const reaperOf = (pid: number): number | undefined =>
  childrenOf(pid).find((child) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'latin1').startsWith('/bin/sh\0');
    } catch {
      return false; // ended meanwhile
    }
  });

/** Kills a supervisor that serves, so that nobody is left who would sweep up after it; its engine follows. */
export const killAll = async ({ process: { pid }, ended }: CliRun): Promise<void> => {
  process.kill(reaperOf(pid!)!, 'SIGKILL');
  process.kill(pid!, 'SIGKILL');
  await ended;
};

/** True while a process exists and is not merely waiting to be reaped. */
export const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** How many descriptors this process has open, to find leaks. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

/** Waits until a condition holds, at most `timeoutMs`; returns whether it does. */
export const eventually = async (condition: () => boolean, timeoutMs = 3000): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
};
