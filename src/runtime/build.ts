/** Runs the build of an app. */
import { readFile } from 'node:fs/promises';
import { WasmrunError } from '../errors.ts';
import type { Log } from '../log.ts';

/**
 * Runs a build command in `directory`; what it prints goes to standard error as it comes. Programs in
 * `node_modules/.bin` are found, as in npm scripts. Under sudo it runs as the user who called sudo.
 * @throws {WasmrunError} `BUILD_FAILED`
 */
export const runBuild = async (
  command: string | readonly string[],
  directory: string,
  log: Log,
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
    ...(await invokingUser(process.env, process.geteuid?.())),
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
 * Under sudo: the user who called it, with that user's home. Files of a build must not belong to root,
 * and a build needs no root.
 */
export const invokingUser = async (
  environment: Readonly<Record<string, string | undefined>>,
  effectiveUid: number | undefined,
): Promise<BuildUser> => {
  const uid = Number(environment['SUDO_UID'] ?? 0);
  const gid = Number(environment['SUDO_GID'] ?? 0);
  if (effectiveUid !== 0 || !(uid > 0) || !(gid > 0)) return {};
  const name = environment['SUDO_USER'] ?? String(uid);
  return { uid, gid, env: { USER: name, LOGNAME: name, HOME: await homeOf(uid) } };
};

/** Home directory of a user by passwd(5); `/` as for users without one. */
const homeOf = async (uid: number): Promise<string> => {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  return entries.find(([, , id]) => id === String(uid))?.[5] ?? '/';
};
