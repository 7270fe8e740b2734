/** Databases in sandboxes, and Debian's psql as their client. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { expect, vi } from 'vitest';
import { writeAppDirectory } from './app-directory.ts';
import { remains, startCli } from './cli.ts';
import type { CliOptions, CliRun } from './cli.ts';

export interface PsqlEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PsqlOptions {
  readonly user?: string;
  readonly database?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** More of psql's own arguments. */
  readonly args?: readonly string[];
}

/** Disposing of it stops it, and sees that nothing is left. */
export interface TestDatabase extends AsyncDisposable {
  readonly run: CliRun;
  /** Of the host. */
  readonly port: number;
  /** Runs commands one after the other in one session; what they print is bare (psql(1), -At). */
  psql(commands: readonly string[], options?: PsqlOptions): Promise<PsqlEnd>;
  /** A session that stays. */
  session(options?: PsqlOptions): PsqlSession;
}

/**
 * Starts a database and waits until it takes connections.
 * @param args - of `wasmrun os`, besides those that every one needs
 */
export const startDatabase = (...args: readonly string[]): Promise<TestDatabase> =>
  startDatabaseWith('', ...args);

/** What a configuration begins with. */
export const DATABASE = '[app]\nlanguage = "postgres"\n';

/** The same, with what is written in `[postgres]`. */
export const startDatabaseWith = async (
  settings: string,
  ...args: readonly string[]
): Promise<TestDatabase> => {
  const app = await writeAppDirectory({ '.wasmrun.toml': `${DATABASE}[postgres]\n${settings}\n` });
  // Some are to be refused.
  const database = await startDatabaseIn(app.path, args).catch(async (error: unknown) => {
    await app[Symbol.asyncDispose]();
    throw error;
  });
  return {
    ...database,
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
};

/** Starts the database of a directory, which stays. */
export const startDatabaseIn = async (
  directory: string,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<TestDatabase> => {
  const run = startCli(['os', directory, '--forward', '5432', ...args], options);
  const port = Number(/:(\d+)$/.exec(await run.url())?.[1]);
  return {
    run,
    port,
    psql: (commands, given = {}) => {
      const child = startPsql(
        port,
        ['-qAt', ...(given.args ?? []), ...commands.flatMap((each) => ['-c', each])],
        given,
      );
      child.stdin.end(given.input ?? '');
      return endOf(child);
    },
    session: (given = {}) => new PsqlSession(startPsql(port, ['-qAt'], given)),
    [Symbol.asyncDispose]: async () => {
      run.process.kill('SIGTERM');
      await run.ended;
      // After a kill, a shell that has waited for it sweeps.
      await vi.waitFor(() => expect(remains(run.prefix)).toEqual([]), { timeout: 10_000 });
    },
  };
};

const startPsql = (
  port: number,
  args: readonly string[],
  { user = 'postgres', database = 'postgres', env }: PsqlOptions,
): ChildProcessWithoutNullStreams =>
  spawn('psql', ['-X', '-h', '127.0.0.1', '-p', String(port), '-U', user, ...args, database], {
    env: { ...process.env, PGCONNECT_TIMEOUT: '20', ...env },
  });

const endOf = (child: ChildProcessWithoutNullStreams): Promise<PsqlEnd> => {
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...output }));
  });
};

export class PsqlSession implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<PsqlEnd>;
  #output = '';
  #marks = 0;
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#ended = endOf(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: string) => {
        this.#output += text;
        for (const watcher of this.#watchers) watcher();
      });
    }
  }

  /** Has a command carried out; resolves with what was printed, errors included, when it is done. */
  async say(command: string): Promise<string> {
    this.#output = '';
    const mark = `mark ${(this.#marks += 1)}`;
    // Errors come on another stream: what is said there first is there first.
    this.#child.stdin.write(`${command};\n\\warn ${mark}\n\\echo ${mark}\n`);
    await this.#until(() => this.#output.split(mark).length === 3);
    return this.#output.replaceAll(`${mark}\n`, '').trim();
  }

  /** The client is killed. */
  async vanish(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.destroy();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #until(isSo: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isSo()) resolve();
    };
    this.#watchers.add(look);
    void this.#ended.then(() => reject(new Error(`psql has ended: ${this.#output}`)));
    look();
    return promise.finally(() => this.#watchers.delete(look));
  }
}
