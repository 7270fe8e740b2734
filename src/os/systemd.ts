/** The service manager of most Linux systems, as far as a unit of ours needs it. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, runCommand } from './command.ts';

/** `system` is the machine's manager, `user` that of the present user, which starts at their first login. */
export type SystemdScope = 'system' | 'user';

/** Is there a manager of this scope to talk to? For the machine's: sd_booted(3). */
export const isSystemdRunning = (scope: SystemdScope): boolean => {
  if (statSync('/run/systemd/system', { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  // Where systemctl(1) reaches it without a bus.
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return scope === 'system' || (runtime !== undefined && existsSync(join(runtime, 'systemd', 'private')));
};

/** As a person types it, for what runs it and for what only says it. */
export const systemctlCommand = (scope: SystemdScope, ...args: string[]): string[] => [
  'systemctl',
  ...(scope === 'user' ? ['--user'] : []),
  ...args,
];

/** @throws {CommandError} */
export const systemctl = async (scope: SystemdScope, ...args: string[]): Promise<string> => {
  const [file = '', ...rest] = systemctlCommand(scope, ...args);
  return await runCommand(file, rest);
};

/** A question whose answer is a word, with an exit status for those who do not read: `is-enabled`, `is-active`. */
export const askSystemctl = async (
  scope: SystemdScope,
  question: 'is-enabled' | 'is-active',
  unit: string,
): Promise<string> => {
  try {
    return (await systemctl(scope, question, unit)).trim();
  } catch (error) {
    if (error instanceof CommandError && error.stdout !== '') return error.stdout.trim();
    throw error;
  }
};

/** One word of a command line in a unit, systemd.service(5) "COMMAND LINES" and systemd.unit(5) "SPECIFIERS". */
export const unitWord = (word: string): string => {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$').replaceAll('\\', '\\\\');
  return /^[\w@%+=:,./$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
};
