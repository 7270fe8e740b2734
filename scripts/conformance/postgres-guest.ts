/** Databases in sandboxes, for suites and benchmarks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { wasmrunCommand } from '../../test/helpers/nodejs-command.ts';
import { freePort } from '../../test/helpers/free-port.ts';

export interface GuestOptions {
  /** Of the sandbox's names in the kernel. */
  readonly prefix: string;
  /** As `--dir` takes them. */
  readonly mounts?: readonly string[];
}

/** Disposing of it stops it. */
export interface PostgresGuest extends AsyncDisposable {
  /** Of the host. */
  readonly port: number;
  /** The command's. */
  readonly pid: number;
}

/**
 * Starts a database by the command that users type; it may not take connections yet.
 * @param directory - the app's, absolute
 */
export const startPostgresGuest = async (
  directory: string,
  { prefix, mounts = [] }: GuestOptions,
): Promise<PostgresGuest> => {
  const port = await freePort();
  const { file, args, cwd, env } = wasmrunCommand(
    { language: 'postgres', directory, env: {} },
    { prefix, name: 'database', forwards: [`${port}:5432`], mounts },
  );
  const child = spawn(file, args, { cwd, env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    port,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
};
