/** Runs the build of an app. */
import { readFile } from 'node:fs/promises';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';
import { appUser } from '../os/app-user.ts';

export interface BuildOptions {
  readonly log: Log;
  /** Ends the build, which has failed then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a build command in `directory`; what it prints goes to standard error as it comes. Programs in
 * `node_modules/.bin` are found, as in npm scripts. Where root calls it, it runs as the app's own user.
 * @throws {WasmrunError} `BUILD_FAILED`
 */
export const runBuild = async (
  command: string | readonly string[],
  directory: string,
  { log, signal }: BuildOptions,
): Promise<void> => {
  // execa takes 40 ms to load: only apps with a build pay for it.
  const { execa, parseCommandString } = await import('execa');
  const [file = '', ...args] = typeof command === 'string' ? parseCommandString(command) : command;
  const shown = [file, ...args].join(' ');
  log.info(`building: ${shown}`);
  const result = await execa(file, args, {
    cwd: directory,
    stdin: 'ignore',
    stdout: 2,
    stderr: 2,
    reject: false,
    preferLocal: true,
    ...(signal !== undefined && { cancelSignal: signal }),
    ...(await buildUser(directory, process.env, process.geteuid?.())),
  });
  if (!result.failed) return;
  const reason =
    result.code === 'ENOENT'
      ? 'there is no such program'
      : result.exitCode === undefined
        ? result.shortMessage
        : `it ended with status ${result.exitCode}`;
  throw new WasmrunError('BUILD_FAILED', `the build "${shown}" failed: ${reason}`, {
    hint: 'its own messages are above; correct them or [build] command in .wasmrun.toml',
    cause: result,
  });
};

/** The user to run a build as, in the terms of `spawn`. */
interface BuildUser {
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Where root runs the build: the user whose app it is, with that user's home. Files of a build must not
 * belong to root, and a build needs no root. An app of root's own is built as root.
 */
export const buildUser = async (
  directory: string,
  environment: Readonly<Record<string, string | undefined>>,
  effectiveUid: number | undefined,
): Promise<BuildUser> => {
  const user = effectiveUid === 0 ? appUser(directory, environment) : undefined;
  if (user === undefined) return {};
  const { name, home } = await accountOf(user.uid);
  return { ...user, env: { USER: name, LOGNAME: name, HOME: home } };
};

/** Name and home directory of a user by passwd(5); the number and `/` for users without an entry. */
const accountOf = async (uid: number): Promise<{ name: string; home: string }> => {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const [name = String(uid), , , , , home = '/'] = entries.find(([, , id]) => id === String(uid)) ?? [];
  return { name, home };
};
