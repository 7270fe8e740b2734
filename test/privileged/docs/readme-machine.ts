/**
 * A machine on which README.md's own words hold: its ports are free, no other sandbox is there, and in its directory
 * stands what is left of a checkout when one cannot write to it, with the apps that the README names.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtempDisposable,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { createNamespace } from '../../../src/network/namespace.ts';
import { BIN, newPrefix, startCli } from '../../helpers/cli.ts';
import type { CliEnd, CliRun } from '../../helpers/cli.ts';
import { guestPath } from '../../helpers/engine.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Nobody has started or stored a sandbox here. */
const LAY = 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib && echo ready && exec sleep infinity';

export interface ReadmeMachine extends AsyncDisposable {
  /** Where everything is typed. */
  readonly directory: string;
  /** Runs lines of a shell to their end. */
  run(lines: string): Promise<CliEnd>;
  /** Starts a command that goes on until it is stopped, in a process group of its own. */
  start(line: string): CliRun;
  /** Runs a synchronous action in its network. */
  inNetwork<Result>(action: () => Result): Result;
}

export const createReadmeMachine = async (): Promise<ReadmeMachine> => {
  await using made = new AsyncDisposableStack();
  const directory = await layOut(made);
  const host = made.use(createNamespace(`${newPrefix()}-readme`));
  const holder = host.run(() =>
    spawn('unshare', ['--mount', 'sh', '-c', LAY], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const ended = once(holder, 'exit');
  made.defer(async () => {
    holder.kill('SIGKILL');
    await ended;
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('no machine'))),
  ]);
  const enter = ['nsenter', '--target', String(holder.pid), '--mount', '--', 'bash', '-c'] as const;
  const commands = join(directory, 'commands');
  const env = { PATH: `${commands}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` };
  const start = (line: string): CliRun => {
    const run = host.run(() =>
      startCli([line], {
        command: [...enter, 'cd "$0" && eval "$1"', directory],
        prefix: 'wasmrun',
        env,
        detached: true,
      }),
    );
    return { ...run, [Symbol.asyncDispose]: () => endGroup(run, 'SIGKILL') };
  };
  const stack = made.move();
  return {
    directory,
    run: (lines) => start(lines).ended,
    start,
    inNetwork: (action) => host.run(action),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

const layOut = async (made: AsyncDisposableStack): Promise<string> => {
  const { path } = made.use(await mkdtempDisposable(join(await realpath(tmpdir()), 'wasmrun-readme-')));
  // The app's user must be able to enter it.
  await chmod(path, 0o755);
  for (const name of ['bin', 'dist', 'node_modules', 'package.json'])
    await symlink(join(ROOT, name), join(path, name));
  for (const name of ['hello-wasm', 'postgres-app']) {
    // A database that was started there has a data directory.
    const filter = (source: string): boolean => basename(source) !== 'data';
    await cp(join(ROOT, 'examples', name), join(path, 'examples', name), { recursive: true, filter });
  }
  for (const name of ['app', 'commands', 'public']) await mkdir(join(path, name));
  await copyFile(guestPath('hello-wasmedge'), join(path, 'app/server.wasm'));
  await symlink(BIN, join(path, 'commands/wasmrun'));
  return path;
};

/** Stops what runs at a terminal as Ctrl-C does. */
export const interrupt = async (run: CliRun): Promise<CliEnd> => {
  await endGroup(run, 'SIGINT');
  return await run.ended;
};

/** The shell, and whatever it has started. */
const endGroup = async (
  { process: { pid, exitCode, signalCode }, ended }: CliRun,
  signal: NodeJS.Signals,
): Promise<void> => {
  if (exitCode === null && signalCode === null) process.kill(-pid!, signal);
  await ended;
};

/** Runs a program and compares what it prints with the comments behind what prints it. */
export const expectComments = async (machine: ReadmeMachine, text: string): Promise<void> => {
  const program = join(machine.directory, 'program.ts');
  await writeFile(program, text);
  const expected = text.split('\n').flatMap((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? []);
  expect(expected).not.toEqual([]);
  const { stdout, stderr, status } = await machine.run('node program.ts');
  expect({ stdout: stdout.trimEnd().split('\n'), stderr, status }).toEqual({
    stdout: expected,
    stderr: '',
    status: 0,
  });
  await rm(program);
};
