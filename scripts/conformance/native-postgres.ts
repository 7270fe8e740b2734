/** Servers of Debian's PostgreSQL beside those in sandboxes: each on a data directory of its own, as nobody. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianPostgres } from '../debian-postgres.ts';

/** User and group of nobody on Debian: PostgreSQL refuses root. */
export const NOBODY = 65_534;

const asNobody = (file: string, args: readonly string[]): [file: string, args: string[]] => [
  'setpriv',
  [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', file, ...args],
];

/** Makes a directory that nobody may write to, and whoever is in a sandbox of nobody's. */
export const directoryOfNobody = (path: string): string => {
  mkdirSync(path);
  chownSync(path, NOBODY, NOBODY);
  return path;
};

/**
 * Makes a data directory like a sandbox's new one: UTF-8, `C.UTF-8`, segments of the log of 1 MiB.
 * @param directory - absolute; made, and nobody may get there
 */
export const initialize = (postgres: DebianPostgres, directory: string): void => {
  directoryOfNobody(directory);
  const [file, args] = asNobody(
    postgres.program('initdb'),
    [
      ['--pgdata', directory, '--username', 'postgres', '--auth', 'trust', '--wal-segsize', '1'],
      ['--encoding', 'UTF8', '--locale', 'C.UTF-8', '--no-instructions'],
    ].flat(),
  );
  execFileSync(file, args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
};

export interface NativeServer extends AsyncDisposable {
  readonly port: number;
  /** The postmaster's. */
  readonly pid: number;
}

/** Starts a server, which may not take connections yet. Disposing of it stops it fast. */
export const startNative = (
  postgres: DebianPostgres,
  directory: string,
  { port, settings = {} }: { readonly port: number; readonly settings?: Readonly<Record<string, string>> },
): NativeServer => {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: directory, ...settings };
  const [file, args] = asNobody(postgres.program('postgres'), [
    '-D',
    directory,
    '-p',
    String(port),
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const log = ['-c', 'logging_collector=on', '-c', `log_directory=${join(directory, 'log')}`];
  const child = spawn(file, [...args, ...log], { cwd: directory, stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    port,
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      // A fast shutdown (postgres(1)).
      child.kill('SIGINT');
      await ended;
    },
  };
};
